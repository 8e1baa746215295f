//! A transaction over several models, with raw Diesel inside.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::cache::Cache;
use super::repository::{
    Cached, changing, changing_where, deleting, deleting_where, inserting, saving, suppressed,
    upserting,
};
use crate::engine::keeper::{Keeper, torn_down};
use crate::engine::session::Session;
use crate::engine::wholes;
use crate::patterns::write::{Order, touched_raw, within};
use crate::ports::aggregate::{Aggregate, MembersIn, Whole};
use crate::ports::condition::Filter;
use crate::ports::database::Database;
use crate::ports::load::Load;
use crate::ports::model::{Change, Insert, Model, Save, Statements, Versioned, Writable};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::AsKey;
use crate::values::policy::Consistency;

impl<D: Database> Cache<D> {
    /// Runs `work` in one transaction, and commits if it returns `Ok`.
    ///
    /// Reads in it go to the database and neither use nor fill the cache, so that they see what
    /// the transaction has written. What it wrote through
    /// [`Tx::repository`] is invalidated, or put, once it has committed, each model by its own
    /// promise; nothing is if it rolls back. A `strict(fenced)` model in it makes the whole
    /// transaction depend on the store.
    ///
    // Opens the code block with a table of accounts, out of sight.
    #[doc = include_str!("example.md")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let (_, cache) = cached().await?;
    /// let transfer = cache.transaction(async |tx| {
    ///     let giver = tx.repository::<Account>().lock(1).await?.ok_or("nobody gives")?;
    ///     let changes = AccountChanges::balance(giver.balance - 5);
    ///     tx.repository::<Account>().update(1, changes).await?;
    ///     let transfer = NewTransfer { giver: 1, taker: 2, amount: 5 };
    ///     Ok::<_, Error>(tx.repository::<Transfer>().insert(transfer).await?)
    /// }).await?;
    /// # let accounts = cache.repository::<Account>();
    /// # assert_eq!((accounts.find(1).await?.unwrap().balance, transfer.amount), (0, 5));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropped before `work` is done, it rolls back; after that it goes on by itself.
    ///
    /// # Errors
    ///
    /// What `work` returns, after a rollback. Those of a write (see [`Repository`]), of which
    /// [`ErrorKind::CommitUnknown`] and [`ErrorKind::Unreleased`] mean that it may have, or has,
    /// committed.
    ///
    /// [`Repository`]: crate::Repository
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Tx<D>) -> Result<T, E>,
        E: From<Error>,
    {
        let session = Session::begin(self.ledger()).await?;
        let mut tx = Tx { session, cache: self.clone() };
        let outcome = work(&mut tx).await;
        tx.end(outcome).await
    }
}

impl<D: Database> Tx<D> {
    pub(super) async fn end<T, E: From<Error>>(self, outcome: Result<T, E>) -> Result<T, E> {
        match outcome {
            Ok(value) => {
                // On a task of its own: a caller that gives up must not leave a commit without
                // its consequences.
                match tokio::spawn(self.session.conclude()).await {
                    Ok(outcome) => outcome?,
                    Err(source) => return Err(torn_down().with_source(source).into()),
                }
                Ok(value)
            }
            Err(error) => {
                self.session.rollback().await;
                Err(error)
            }
        }
    }
}

/// A transaction under way. See [`Cache::transaction`].
pub struct Tx<D: Database> {
    pub(super) session: Session<D>,
    pub(super) cache: Cache<D>,
}

impl<D: Database> Tx<D> {
    /// The rows of a model within this transaction.
    ///
    /// # Panics
    ///
    /// If the model is not among those given to the builder.
    pub fn repository<M: Cached + Statements<D::Backend>>(&mut self) -> TxRepository<'_, M, D> {
        let keeper = self.cache.keeper::<M>();
        TxRepository { session: &mut self.session, keeper }
    }

    /// Runs `work` in a savepoint: what it did is undone, and touches nothing, if it returns an
    /// error. The transaction goes on either way.
    ///
    /// # Errors
    ///
    /// What `work` returns.
    pub async fn savepoint<T, E, F>(&mut self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Self) -> Result<T, E>,
        E: From<Error>,
    {
        let mark = self.session.save().await?;
        let outcome = work(self).await;
        self.session.end_save(mark, outcome.is_ok()).await?;
        outcome
    }

    /// Says that raw statements of this transaction change, or have changed, the rows with these
    /// keys. Call it before a change of unique values and after it, so that the entries of the
    /// old values and of the new are found. A version that the model declares is counted on.
    ///
    /// # Errors
    ///
    /// If the rows cannot be read.
    pub async fn touch<M: Cached + Statements<D::Backend>>(
        &mut self,
        keys: impl IntoIterator<Item = impl AsKey<M::Key>>,
    ) -> Result<()> {
        let keys: Vec<M::Key> = keys.into_iter().map(|key| key.to_key()).collect();
        let keeper = self.cache.keeper::<M>();
        let rows = self.session.touched_rows(keys.clone()).await?;
        self.session.touch(touched_raw(&keeper, &keys, rows));
        keeper.dependents.touch_again(&mut self.session, &keys);
        keeper.dependents.touch(&mut self.session, &keys).await?;
        keeper.touch_concealed(&mut self.session, &keys).await
    }
}

impl<D: Database> Tx<D> {
    /// Says that raw statements of this transaction change, or have changed, any rows of the
    /// model's table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the model does not say `bulk = ..`, or is
    /// `strict(validated)`: its rows' versions must be counted on one by one.
    pub fn touch_table<M: Cached + Statements<D::Backend>>(&mut self) -> Result<()> {
        if M::DESCRIPTOR.policy.promise() == Consistency::Validated {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "`{}` is strict(validated), so each row that changes needs a new version; use \
                     `update_where`, or `touch` with the keys",
                    M::DESCRIPTOR.model
                ),
            ));
        }
        let keeper = self.cache.keeper::<M>();
        self.session.touch(keeper.table_removals()?);
        Ok(())
    }
}

/// The rows of one model within a transaction.
pub struct TxRepository<'t, M: Model, D: Database> {
    pub(super) session: &'t mut Session<D>,
    pub(super) keeper: Arc<Keeper<M, D>>,
}

impl<M: Statements<D::Backend>, D: Database> TxRepository<'_, M, D> {
    async fn write(&mut self, order: Order<D::Backend, M>) -> Result<Option<Arc<M>>> {
        Ok(within(self.session, &self.keeper, order).await?.pop())
    }

    /// The row with this key, as this transaction sees it. Neither reads the cache nor fills it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the model is written behind: the row in the table may be older
    /// than what was acknowledged. Read it outside of the transaction.
    pub async fn find(&mut self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        // Anomaly 44: the cache knows nothing of what is not committed, and must not learn it.
        if !Guard::TransactionBypass.stands() {
            return self.keeper.find(key).await;
        }
        self.is_in_its_table()?;
        Ok(self.session.load(Load::select(M::is(key.to_key()))).await?.pop().map(Arc::new))
    }

    /// The rows with these keys, in any order, as this transaction sees them.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub async fn find_many(
        &mut self,
        keys: impl IntoIterator<Item = impl AsKey<M::Key>>,
    ) -> Result<Vec<M>> {
        self.is_in_its_table()?;
        let keys = keys.into_iter().map(|key| key.to_key()).collect();
        self.session.load(Load::select(M::among(keys))).await
    }

    /// Whether a row in its table is what was acknowledged last.
    fn is_in_its_table(&self) -> Result<()> {
        match self.keeper.behind {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "`{}` is written behind, so that its table may be older than what was \
                     acknowledged; read it outside of the transaction",
                    M::DESCRIPTOR.model
                ),
            )),
        }
    }

    /// The row with this key, which nobody else can change until the transaction ends.
    pub async fn lock(&mut self, key: impl AsKey<M::Key>) -> Result<Option<Locked<M>>>
    where
        M: Writable,
    {
        let load = Load::select(M::is(key.to_key())).locking();
        let row: Option<M> = self.session.load(load).await?.pop();
        let transaction = self.session.number();
        Ok(row.map(|row| Locked { key: row.key(), transaction, row }))
    }

    /// Writes every column of a row that this transaction has locked, and returns it as the
    /// database holds it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if it was locked by another transaction, or is given another key.
    pub async fn save_locked(&mut self, row: Locked<M>) -> Result<Arc<M>>
    where
        M: Save<D::Backend>,
    {
        if row.transaction != self.session.number() || row.row.key() != row.key {
            return Err(Error::new(
                ErrorKind::Conflict,
                "this transaction holds no lock on the row; take it with `lock` here, and leave \
                 its key as it is",
            ));
        }
        self.write(saving(row.row, None)).await?.ok_or_else(suppressed)
    }

    /// As [`Repository::save`](crate::Repository::save).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if the row has changed since it was read, or is gone.
    pub async fn save(&mut self, row: M) -> Result<Arc<M>>
    where
        M: Save<D::Backend> + Versioned,
    {
        let version = row.version();
        self.write(saving(row, version)).await?.ok_or_else(suppressed)
    }

    /// As [`Repository::insert`](crate::Repository::insert).
    pub async fn insert<I: Insert<M, D::Backend>>(&mut self, new: I) -> Result<Arc<M>> {
        self.write(inserting(new)).await?.ok_or_else(suppressed)
    }

    /// As [`Repository::update`](crate::Repository::update).
    pub async fn update<C: Change<M, D::Backend>>(
        &mut self,
        key: impl AsKey<M::Key>,
        change: C,
    ) -> Result<Option<Arc<M>>> {
        self.write(changing(key.to_key(), change, None)).await
    }

    /// As [`Repository::update_at`](crate::Repository::update_at).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if the row is not at this version, or is gone.
    pub async fn update_at<C: Change<M, D::Backend>>(
        &mut self,
        key: impl AsKey<M::Key>,
        version: i64,
        change: C,
    ) -> Result<Arc<M>>
    where
        M: Versioned,
    {
        self.write(changing(key.to_key(), change, Some(version))).await?.ok_or_else(suppressed)
    }

    /// As [`Repository::delete`](crate::Repository::delete).
    pub async fn delete(&mut self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>>
    where
        M: Writable,
    {
        self.write(deleting(key.to_key())).await
    }

    /// As [`Repository::update_where`](crate::Repository::update_where).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn update_where<C: Change<M, D::Backend>>(
        &mut self,
        rows: impl Filter<M, D::Backend>,
        change: C,
    ) -> Result<Vec<Arc<M>>> {
        within(self.session, &self.keeper, changing_where(rows, change)).await
    }

    /// As [`Repository::delete_where`](crate::Repository::delete_where).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn delete_where(&mut self, rows: impl Filter<M, D::Backend>) -> Result<Vec<Arc<M>>>
    where
        M: Writable,
    {
        within(self.session, &self.keeper, deleting_where(rows)).await
    }

    /// As [`Repository::upsert`](crate::Repository::upsert).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn upsert<I, C>(
        &mut self,
        key: impl AsKey<M::Key>,
        new: I,
        change: C,
    ) -> Result<Arc<M>>
    where
        I: Insert<M, D::Backend>,
        C: Change<M, D::Backend>,
    {
        let key = key.to_key();
        self.write(upserting(M::is(key.clone()), Some(key), new, change))
            .await?
            .ok_or_else(suppressed)
    }
}

impl<M, D> TxRepository<'_, M, D>
where
    M: Statements<D::Backend> + Aggregate<Members: MembersIn<M, D::Backend>>,
    D: Database,
{
    /// As [`Repository::find_aggregate`](crate::Repository::find_aggregate), as this transaction
    /// sees it. Neither reads the cache nor fills it.
    pub async fn find_aggregate(&mut self, key: impl AsKey<M::Key>) -> Result<Option<Whole<M>>> {
        wholes::read(self.session, key.to_key()).await
    }
}

/// A row that its transaction has locked: the one kind that can be saved as a whole without a
/// version, since nobody can have changed it meanwhile (anomaly 42).
pub struct Locked<M: Model> {
    row: M,
    key: M::Key,
    transaction: u64,
}

impl<M: Model> Deref for Locked<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.row
    }
}

impl<M: Model> DerefMut for Locked<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.row
    }
}
