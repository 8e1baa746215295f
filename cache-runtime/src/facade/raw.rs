//! Raw Diesel within a transaction.

#[cfg(feature = "r2d2")]
pub use self::blocking::PinnedTx;

#[cfg(feature = "r2d2")]
mod blocking {
    use std::ops::{Deref, DerefMut};

    use diesel::Connection;
    use diesel::connection::{AnsiTransactionManager, LoadConnection};
    use diesel::r2d2::R2D2Connection;

    use crate::adapters::r2d2::R2d2;
    use crate::engine::debt::Touch;
    use crate::engine::session::Session;
    use crate::facade::cache::Cache;
    use crate::facade::repository::Cached;
    use crate::facade::transaction::Tx;
    use crate::patterns::write::touched_raw;
    use crate::ports::database::{Database, Dialect};
    use crate::ports::model::Statements;
    use crate::ports::statement::Load;
    use crate::values::error::{Error, Result};
    use crate::values::key::AsKey;

    impl<C> Tx<R2d2<C>>
    where
        C: R2D2Connection
            + LoadConnection
            + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
            + 'static,
    {
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
            F: FnOnce(&mut C) -> diesel::QueryResult<T> + Send + 'static,
        {
            let outcome = self.session.transaction().run(|connection| Ok(work(connection)?)).await;
            if outcome.is_err() {
                self.session.fail();
            }
            outcome
        }
    }

    impl<C> Cache<R2d2<C>>
    where
        C: R2D2Connection
            + LoadConnection
            + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
            + 'static,
    {
        /// Runs `work` in one transaction, pinned to one blocking thread with the connection at
        /// hand, and commits if it returns `Ok`. For code that takes `&mut C`: the rows that it
        /// changes are told with [`PinnedTx::touch`].
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
            F: FnOnce(&mut PinnedTx<'_, C>) -> Result<T, E> + Send + 'static,
        {
            let mut session = Session::begin(self.ledger()).await?;
            let cache = self.clone();
            let job = move |connection: &mut C| {
                let mut pinned = PinnedTx { connection, cache, touches: Vec::new() };
                let outcome = work(&mut pinned);
                Ok((outcome, pinned.touches))
            };
            let (outcome, touches) = session.transaction().run(job).await?;
            session.touch(touches);
            Tx { session, cache: self.clone() }.end(outcome).await
        }
    }

    /// A transaction with its connection at hand. See [`Cache::pinned_transaction`].
    pub struct PinnedTx<'c, C: R2D2Connection + 'static>
    where
        R2d2<C>: Database,
    {
        connection: &'c mut C,
        cache: Cache<R2d2<C>>,
        touches: Vec<Touch>,
    }

    impl<C> PinnedTx<'_, C>
    where
        C: R2D2Connection
            + LoadConnection
            + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
            + 'static,
    {
        /// As [`Tx::touch`].
        ///
        /// # Errors
        ///
        /// If the rows cannot be read.
        pub fn touch<M: Cached + Statements<C::Backend>>(
            &mut self,
            keys: impl IntoIterator<Item = impl AsKey<M::Key>>,
        ) -> Result<()> {
            let keys: Vec<M::Key> = keys.into_iter().map(|key| key.to_key()).collect();
            let count = <C::Backend as Dialect>::COUNT_VERSION;
            if M::DESCRIPTOR.version.is_some() && !count.is_empty() {
                self.connection.batch_execute(count)?;
            }
            let rows = Load::touch(M::among(keys.clone())).on(self.connection)?;
            let keeper = self.cache.keeper::<M>();
            self.touches.extend(touched_raw(&keeper, &keys, rows));
            Ok(())
        }
    }

    impl<C: R2D2Connection + 'static> Deref for PinnedTx<'_, C>
    where
        R2d2<C>: Database,
    {
        type Target = C;

        fn deref(&self) -> &C {
            self.connection
        }
    }

    impl<C: R2D2Connection + 'static> DerefMut for PinnedTx<'_, C>
    where
        R2d2<C>: Database,
    {
        fn deref_mut(&mut self) -> &mut C {
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
        /// PostgreSQL accepts no other, and the transaction ends in a rollback.
        ///
        /// # Errors
        ///
        /// If the transaction has been torn down.
        pub fn connection(&mut self) -> Result<&mut M::Type> {
            self.session.transaction().connection()
        }
    }
}
