//! Raw Diesel within a transaction.

pub use self::blocking::PinnedTx;

mod blocking {
    use std::ops::{Deref, DerefMut};

    use diesel::connection::SimpleConnection as _;

    use crate::engine::session::Session;
    use crate::facade::cache::Cache;
    use crate::facade::repository::Cached;
    use crate::facade::touched::Touched;
    use crate::facade::transaction::Tx;
    use crate::ports::database::{Database, Dialect, RawTransaction};
    use crate::ports::load::Load;
    use crate::ports::model::Statements;
    use crate::values::error::{Error, Result};
    use crate::values::key::AsKey;

    /// The connection that a database's transactions lend.
    type Lent<D> = <<D as Database>::Transaction as RawTransaction>::Connection;

    impl<D: Database<Transaction: RawTransaction>> Tx<D> {
        /// Runs raw Diesel on the transaction's connection, on a blocking thread. Say with
        /// [`touch`](Self::touch) which cached rows it changes.
        ///
        /// # Errors
        ///
        /// What `work` returns; the transaction is then rolled back, unless this was in a
        /// savepoint.
        pub async fn run<T, F>(&mut self, work: F) -> Result<T>
        where
            T: Send + 'static,
            F: FnOnce(&mut Lent<D>) -> diesel::QueryResult<T> + Send + 'static,
        {
            let outcome = self.session.transaction()?.run(|connection| Ok(work(connection)?)).await;
            if outcome.is_err() {
                self.session.fail();
            }
            outcome
        }
    }

    impl<D: Database<Transaction: RawTransaction>> Cache<D> {
        /// Runs `work` in one transaction, pinned to one blocking thread with the connection at
        /// hand, and commits if it returns `Ok`. For code that takes a connection: the rows that
        /// it changes are told with [`PinnedTx::touch`].
        ///
        /// Consistency and errors are those of [`transaction`](Self::transaction).
        ///
        /// # Errors
        ///
        /// What `work` returns, after a rollback.
        pub async fn pinned_transaction<T, E, F>(&self, work: F) -> Result<T, E>
        where
            T: Send + 'static,
            E: From<Error> + Send + 'static,
            F: FnOnce(&mut PinnedTx<'_, D>) -> Result<T, E> + Send + 'static,
        {
            let mut session = Session::begin(self.ledger()).await?;
            let cache = self.clone();
            let job = move |connection: &mut Lent<D>| {
                let mut pinned = PinnedTx { connection, cache, touched: Touched::default() };
                let outcome = work(&mut pinned);
                Ok((outcome, pinned.touched))
            };
            let (outcome, touched) = session.transaction()?.run(job).await?;
            touched.leave_to(&mut session);
            Tx { session, cache: self.clone() }.end(outcome).await
        }
    }

    /// A transaction with its connection at hand. See [`Cache::pinned_transaction`].
    pub struct PinnedTx<'c, D: Database<Transaction: RawTransaction>> {
        connection: &'c mut Lent<D>,
        cache: Cache<D>,
        touched: Touched,
    }

    impl<D: Database<Transaction: RawTransaction>> PinnedTx<'_, D> {
        /// As [`Tx::touch`].
        ///
        /// # Errors
        ///
        /// If the rows cannot be read.
        pub fn touch<M: Cached + Statements<D::Backend>>(
            &mut self,
            keys: impl IntoIterator<Item = impl AsKey<M::Key>>,
        ) -> Result<()> {
            let keys: Vec<M::Key> = keys.into_iter().map(|key| key.to_key()).collect();
            let count = <D::Backend as Dialect>::COUNT_VERSION;
            if M::DESCRIPTOR.version.is_some() && !count.is_empty() {
                self.connection.batch_execute(count)?;
            }
            let (keeper, rows) = (self.cache.keeper::<M>(), Load::touch(M::among(keys.clone())));
            let touched = Touched::of(&keeper, self.connection, keys, rows)?;
            self.touched = std::mem::take(&mut self.touched).and(touched);
            Ok(())
        }
    }

    impl<D: Database<Transaction: RawTransaction>> Deref for PinnedTx<'_, D> {
        type Target = Lent<D>;

        fn deref(&self) -> &Lent<D> {
            self.connection
        }
    }

    impl<D: Database<Transaction: RawTransaction>> DerefMut for PinnedTx<'_, D> {
        fn deref_mut(&mut self) -> &mut Lent<D> {
            self.connection
        }
    }
}

#[cfg(feature = "diesel-async")]
mod asynchronous {
    use deadpool::managed::Manager;

    use crate::adapters::diesel_async::{Deadpool, DeadpoolTransaction};
    use crate::facade::transaction::Tx;
    use crate::ports::database::Database;
    use crate::values::error::Result;

    impl<M> Tx<Deadpool<M>>
    where
        M: Manager,
        Deadpool<M>: Database<Transaction = DeadpoolTransaction<M>>,
    {
        /// The transaction's connection, for raw Diesel. Say with [`touch`](Self::touch) which
        /// cached rows it changes. After a statement that failed outside of a savepoint,
        /// PostgreSQL accepts no other, and the transaction ends in a rollback. MySQL may have rolled
        /// back by itself, as after a deadlock, and what follows would commit alone: return the
        /// error.
        ///
        /// # Errors
        ///
        /// If the transaction has been torn down, or a statement of a repository has failed in it.
        pub fn connection(&mut self) -> Result<&mut M::Type> {
            self.session.transaction()?.connection()
        }
    }
}
