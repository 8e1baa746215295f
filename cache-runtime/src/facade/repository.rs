//! The typed door to one model's rows. The derive wraps it in a type of its own.

use std::sync::Arc;

use crate::engine::debt::Ledger;
use crate::engine::finding::Finding;
use crate::engine::keeper::Keeper;
use crate::patterns::touch_on_read::touch_on_read;
use crate::patterns::write::{Order, alone};
use crate::ports::aggregate::{Aggregate, MembersIn, Whole};
use crate::ports::condition::{Condition, Filter};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Change, Insert, Model, Save, Statements, Versioned, Writable};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::{AsKey, KeyParts};

/// A model with a generated repository. Implemented by `#[derive(Cached)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cached model",
    label = "no caching strategy is declared for this type",
    note = "add `#[derive(Cached)]` and `#[cached(pattern = \"cache_aside\", ttl = \"10m\")]`"
)]
pub trait Cached: Model {
    /// The generated repository.
    type Repository<D: Database>: From<Repository<Self, D>>;
}

/// A model's rows, read and written through the cache.
///
/// Cheap to clone, and shared: all clones coalesce with each other.
///
/// # Consistency
///
/// That of the model. `eventual`, the default: a hit is never older than the hard
/// `ttl`, counted from before the database read that produced it. While the
/// store answers, a read that begins after a write through the repository was
/// acknowledged sees it, in every process. A crash between a commit and its
/// invalidation, a store that lost a message or failed over, or a write that
/// goes past the repository can cost at most the ttl.
///
/// `strict(fenced)`: once a write is acknowledged no later read, in any process, gives an older
/// value, and reads never go back; as long as the store does not forget a fence, and a COMMIT
/// takes effect within the life of its fence. `strict(validated)`: the same, whatever the store
/// does, at the price of one read of the row's version for each hit. Both hold for writes
/// through the repository or [`Cache::transaction`](crate::Cache::transaction).
///
/// # Errors
///
/// Every method can fail with [`ErrorKind::Pool`] or [`ErrorKind::Database`]; a write also with
/// [`ErrorKind::CommitUnknown`], if the connection was lost while it committed.
/// A store that is away is never an error of a read, nor of a write but to a `strict(fenced)`
/// model: reads go to the database, writes commit, and the invalidations that they owe are sent
/// when it is back. A write to a `strict(fenced)` model fails with [`ErrorKind::Store`] before
/// it commits, or with [`ErrorKind::Unreleased`] if the store went away after that.
pub struct Repository<M: Model, D: Database> {
    ledger: Arc<Ledger<D>>,
    keeper: Arc<Keeper<M, D>>,
}

impl<M: Model, D: Database> Clone for Repository<M, D> {
    fn clone(&self) -> Self {
        Self { ledger: self.ledger.clone(), keeper: self.keeper.clone() }
    }
}

impl<M: Statements<D::Backend>, D: Database> Repository<M, D> {
    pub(crate) fn new(ledger: Arc<Ledger<D>>, keeper: Arc<Keeper<M, D>>) -> Self {
        Self { ledger, keeper }
    }

    pub(super) fn keeper(&self) -> &Arc<Keeper<M, D>> {
        &self.keeper
    }

    async fn write(&self, order: Order<D::Backend, M>) -> Result<Option<Arc<M>>> {
        Ok(alone(&self.ledger, &self.keeper, order).await?.pop())
    }

    /// The row with this key, if there is one.
    ///
    /// A hit is one round trip to the store and no statement, or neither in the
    /// process; under `strict(validated)` one statement reads the row's version. A miss
    /// is at most two round trips and one statement, shared with all who miss the same
    /// key in this process. The fill is not waited for.
    ///
    /// Dropping the future is safe at any point: a load goes on for the others.
    ///
    /// Where the model says `touch_on_read`, a row that is due is told of it in the background.
    pub async fn find(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        let found = self.keeper.find(key).await?;
        touch_on_read(&self.keeper, &found);
        Ok(found)
    }

    /// The rows with these keys, in the order of the keys, duplicates included.
    ///
    /// One round trip for all hits, and for all misses one more and one statement.
    /// Each row is as consistent as from [`find`](Self::find); together they are no snapshot.
    pub async fn find_many(
        &self,
        keys: impl IntoIterator<Item = impl AsKey<M::Key>>,
    ) -> Result<Vec<Option<Arc<M>>>> {
        let keys = keys.into_iter().map(|key| key.to_key()).collect();
        let found = self.keeper.find_many(keys).await?;
        touch_on_read(&self.keeper, found.iter().flatten());
        Ok(found)
    }

    /// The row with this key, straight from the primary. Neither reads the cache nor fills it.
    pub async fn find_uncached(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        self.keeper.find_uncached(key.to_key()).await
    }

    /// The row with this key from the primary, and into the cache.
    ///
    /// For rows that were changed past the repository. Sees everything that committed
    /// before the call.
    pub async fn refresh(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        self.keeper.refresh_changed(key.to_key()).await
    }

    /// Freezes the facts of a complaint: compares the row's entry with the primary now, logs what
    /// both say, how old the entry is and what was promised, and removes the entry if it differs.
    ///
    /// One look, so that a difference may be a write that is under way; the reconciler
    /// ([`Builder::reconcile`](crate::Builder::reconcile)) looks twice.
    ///
    /// # Errors
    ///
    /// Also [`ErrorKind::Store`] if the store does not answer.
    pub async fn report_stale(&self, key: impl AsKey<M::Key>) -> Result<Finding> {
        self.keeper.report_stale(key.to_key()).await
    }

    /// Inserts a row, and returns it as the database holds it, defaults included.
    ///
    /// A remembered absence of its key and unique values is forgotten before this returns.
    pub async fn insert<I: Insert<M, D::Backend>>(&self, new: I) -> Result<Arc<M>> {
        self.write(inserting(new)).await?.ok_or_else(suppressed)
    }

    /// Changes the row with this key, and returns it as the database holds it;
    /// `None` if there is no such row.
    ///
    /// Once this returns, reads in every process see the change, by key and by old and new
    /// unique values (see [Consistency](Self#consistency)).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptyChangeset`] if the changeset sets no column.
    pub async fn update<C: Change<M, D::Backend>>(
        &self,
        key: impl AsKey<M::Key>,
        change: C,
    ) -> Result<Option<Arc<M>>> {
        self.write(changing(key.to_key(), change, None)).await
    }

    /// As [`update`](Self::update), but only if the row is still at this version.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if it is not, or if there is no such row.
    pub async fn update_at<C: Change<M, D::Backend>>(
        &self,
        key: impl AsKey<M::Key>,
        version: i64,
        change: C,
    ) -> Result<Arc<M>>
    where
        M: Versioned,
    {
        let order = changing(key.to_key(), change, Some(version));
        self.write(order).await?.ok_or_else(suppressed)
    }

    /// Writes every column of the row, if the database still has the version that `row` has.
    /// Returns it as the database holds it, with its new version.
    ///
    /// Without a version there is no such method: it would overwrite what others have changed
    /// since the row was read. A transaction has one, for a row that it has locked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if the row has changed since it was read, or is gone.
    pub async fn save(&self, row: M) -> Result<Arc<M>>
    where
        M: Save<D::Backend> + Versioned,
    {
        let version = row.version();
        self.write(saving(row, version)).await?.ok_or_else(suppressed)
    }

    /// Deletes the row with this key, and returns it; `None` if there is no such row.
    pub async fn delete(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>>
    where
        M: Writable,
    {
        self.write(deleting(key.to_key())).await
    }

    /// Changes the row with this key, or inserts one where there is none. `key` is the primary key
    /// of `new`. Returns the row as the database holds it.
    ///
    /// The row is looked for and locked first, so that all values that it had are known.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if there is no such row, and `new` cannot be inserted because another
    /// one has one of its unique values.
    pub async fn upsert<I, C>(&self, key: impl AsKey<M::Key>, new: I, change: C) -> Result<Arc<M>>
    where
        I: Insert<M, D::Backend>,
        C: Change<M, D::Backend>,
    {
        let key = key.to_key();
        self.write(upserting(M::is(key.clone()), Some(key), new, change))
            .await?
            .ok_or_else(suppressed)
    }

    /// Changes the row with this unique value, or inserts one. Called by the generated
    /// `upsert_by_..`.
    #[doc(hidden)]
    pub async fn upsert_by<I, C>(&self, value: M::Lookup, new: I, change: C) -> Result<Arc<M>>
    where
        I: Insert<M, D::Backend>,
        C: Change<M, D::Backend>,
    {
        self.write(upserting(M::carries(value), None, new, change)).await?.ok_or_else(suppressed)
    }

    /// Changes the rows that meet the condition, and returns them as the database holds them.
    ///
    /// The rows are locked and read first, so that their entries and old unique values are
    /// known; then exactly those rows are written and invalidated, or put. A model that says
    /// `bulk = 1000` has its whole table invalidated instead where more rows are met.
    ///
    // Opens the code block with a table of accounts, out of sight.
    #[doc = include_str!("example.md")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let (_, cache) = cached().await?;
    /// # let rows = cache.repository::<Account>();
    /// let changed = rows.update_where(accounts::balance.gt(0), AccountChanges::balance(0)).await?;
    /// # assert_eq!(changed.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if there are more rows than one statement can name, and the
    /// model does not say `bulk`.
    pub async fn update_where<C: Change<M, D::Backend>>(
        &self,
        rows: impl Filter<M, D::Backend>,
        change: C,
    ) -> Result<Vec<Arc<M>>> {
        alone(&self.ledger, &self.keeper, changing_where(rows, change)).await
    }

    /// Deletes the rows that meet the condition, and returns them as they were. Otherwise as
    /// [`update_where`](Self::update_where).
    ///
    /// # Errors
    ///
    /// As [`update_where`](Self::update_where).
    pub async fn delete_where(&self, rows: impl Filter<M, D::Backend>) -> Result<Vec<Arc<M>>>
    where
        M: Writable,
    {
        alone(&self.ledger, &self.keeper, deleting_where(rows)).await
    }

    /// Forgets all rows of the table, after it was changed past the repository. The cost does not
    /// grow with the number of rows cached: every process sees a new era of the table.
    ///
    /// Call it after the change has committed. Where readers may not see anything older once it
    /// has, use [`Tx::touch_table`](crate::Tx::touch_table) in the transaction of the change.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the model does not say `bulk = ..`.
    pub async fn invalidate_table(&self) -> Result<()> {
        self.keeper.invalidate_table().await
    }

    /// Forgets the row with this key, after it was changed past the repository.
    ///
    /// Call it after the change has committed. Entries of unique values need not be
    /// forgotten: what they lead to is verified; a remembered absence of one does, with the
    /// generated `invalidate_by_..`. Of a member, its row is read for its root, whose aggregate is
    /// forgotten, too; a root that it has left, or that a deleted member had, is forgotten by its
    /// own key.
    pub async fn invalidate(&self, key: impl AsKey<M::Key>) {
        self.keeper.invalidate(vec![key.to_key()]).await;
    }

    /// Forgets the rows with these keys, in one round trip.
    pub async fn invalidate_many(&self, keys: impl IntoIterator<Item = impl AsKey<M::Key>>) {
        let keys: Vec<M::Key> = keys.into_iter().map(|key| key.to_key()).collect();
        self.keeper.invalidate(keys).await;
    }

    /// The first page of a list. Called by the generated `list_..`.
    #[doc(hidden)]
    pub async fn list(
        &self,
        list: usize,
        values: &(impl KeyParts + Sync),
        owned: impl Fn() -> M::Lookup + Send,
    ) -> Result<Vec<Arc<M>>> {
        self.keeper.list(list, values, owned).await
    }

    /// The page of a list after a row. Called by the generated `list_.._after`.
    #[doc(hidden)]
    pub async fn list_after(&self, list: usize, values: M::Lookup, row: &M) -> Result<Vec<Arc<M>>> {
        self.keeper.list_after(list, values, row).await
    }

    /// Forgets which rows a list has. Called by the generated `invalidate_list_..`.
    #[doc(hidden)]
    pub async fn invalidate_list(&self, list: usize, values: &(impl KeyParts + Sync)) {
        self.keeper.invalidate_list(list, values).await;
    }

    /// The row with this unique value. Called by the generated `find_by_..`.
    #[doc(hidden)]
    pub async fn find_by(
        &self,
        lookup: usize,
        value: &(impl KeyParts + Sync),
        owned: impl Fn() -> M::Lookup + Send,
    ) -> Result<Option<Arc<M>>> {
        self.keeper.find_by(lookup, value, owned).await
    }

    /// Forgets where this unique value leads. Called by the generated `invalidate_by_..`.
    #[doc(hidden)]
    pub async fn invalidate_by(&self, lookup: usize, value: &(impl KeyParts + Sync)) {
        self.keeper.invalidate_by(lookup, value).await;
    }
}

impl<M, D> Repository<M, D>
where
    M: Statements<D::Backend> + Aggregate<Members: MembersIn<M, D::Backend>>,
    D: Database,
{
    /// The row with this key and all members of its aggregate, if there is such a row.
    ///
    /// They are one entry beside the row's own. A hit is one round trip and no statement; a miss is
    /// two round trips and a statement for each model, the root's first, so that no member is ever
    /// older than the root. Every write of the root or of a member removes it, so it is as
    /// consistent as [`find`](Self::find) of the root.
    pub async fn find_aggregate(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<Whole<M>>>> {
        self.keeper.find_whole(key).await
    }
}

pub(super) fn inserting<M: Model, DB: Dialect>(new: impl Insert<M, DB>) -> Order<DB, M> {
    Order::Insert(new.insert())
}

pub(super) fn changing<M: Statements<DB>, DB: Dialect>(
    key: M::Key,
    change: impl Change<M, DB>,
    expected: Option<i64>,
) -> Order<DB, M> {
    Order::Change { statement: change.update(M::is(key.clone())), key, expected }
}

pub(super) fn saving<M: Save<DB>, DB: Dialect>(row: M, expected: Option<i64>) -> Order<DB, M> {
    Order::Change { key: row.key(), statement: row.save(), expected }
}

pub(super) fn deleting<M: Statements<DB>, DB: Dialect>(key: M::Key) -> Order<DB, M> {
    Order::Delete { statement: Load::delete(M::is(key.clone())), key }
}

pub(super) fn upserting<M: Statements<DB>, DB: Dialect>(
    rows: Condition<DB>,
    key: Option<M::Key>,
    new: impl Insert<M, DB>,
    change: impl Change<M, DB>,
) -> Order<DB, M> {
    let change = Box::new(|rows| change.update(rows));
    Order::Upsert { rows, key, insert: new.insert_if_new(), change }
}

pub(super) fn changing_where<M: Statements<DB>, DB: Dialect>(
    rows: impl Filter<M, DB>,
    change: impl Change<M, DB>,
) -> Order<DB, M> {
    let statement = Box::new(|rows| change.update(rows));
    Order::Filter { rows: rows.condition(), deletes: false, statement }
}

pub(super) fn deleting_where<M: Statements<DB>, DB: Dialect>(
    rows: impl Filter<M, DB>,
) -> Order<DB, M> {
    Order::Filter { rows: rows.condition(), deletes: true, statement: Box::new(Load::delete) }
}

/// A statement that must return a row returned none.
pub(super) fn suppressed() -> Error {
    Error::new(
        ErrorKind::Database,
        "the statement returned no row; a trigger or rule may have suppressed it",
    )
}
