//! The typed door to one model's rows. The derive wraps it in a type of its own.

use std::sync::Arc;

use crate::patterns::cache_aside::CacheAside;
use crate::ports::database::Database;
use crate::ports::model::{Change, Insert, Model, Statements, Upsert};
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
/// `eventual`, the default of cache-aside: a hit is never older than the hard
/// `ttl`, counted from before the database read that produced it. While the
/// store answers, a read that begins after a write through the repository was
/// acknowledged sees it, in every process. A crash between a commit and its
/// invalidation, a store that lost a message or failed over, or a write that
/// goes past the repository can cost at most the ttl.
///
/// # Errors
///
/// Every method can fail with [`ErrorKind::Pool`] or [`ErrorKind::Database`].
/// A store that is away is never an error: reads go to the database, writes
/// commit, and the invalidations that they owe are sent when it is back.
pub struct Repository<M: Model, D: Database>(Arc<CacheAside<M, D>>);

impl<M: Model, D: Database> Clone for Repository<M, D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Statements<D::Backend>, D: Database> Repository<M, D> {
    pub(crate) fn new(aside: Arc<CacheAside<M, D>>) -> Self {
        Self(aside)
    }

    /// The row with this key, if there is one.
    ///
    /// A hit is one round trip to the store and no statement, or neither in the
    /// process; a miss is at most two round trips and one statement, shared with all
    /// who miss the same key in this process. The fill is not waited for.
    ///
    /// Dropping the future is safe at any point: a load goes on for the others.
    pub async fn find(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        self.0.find(key).await
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
        self.0.find_many(keys).await
    }

    /// The row with this key, straight from the primary. Neither reads the cache nor fills it.
    pub async fn find_uncached(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        self.0.find_uncached(key.to_key()).await
    }

    /// The row with this key from the primary, and into the cache.
    ///
    /// For rows that were changed past the repository. Sees everything that committed
    /// before the call.
    pub async fn refresh(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        self.0.refresh(key.to_key()).await
    }

    /// Inserts a row, and returns it as the database holds it, defaults included.
    ///
    /// A remembered absence of its key and unique values is forgotten before this returns.
    pub async fn insert<I: Insert<M, D::Backend>>(&self, new: I) -> Result<M> {
        one(self.0.write(None, new.insert()).await?.after)
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
    ) -> Result<Option<M>> {
        let key = key.to_key();
        Ok(self.0.write(Some(key.clone()), change.update(key)).await?.after.pop())
    }

    /// Deletes the row with this key, and returns it; `None` if there is no such row.
    pub async fn delete(&self, key: impl AsKey<M::Key>) -> Result<Option<M>> {
        let key = key.to_key();
        Ok(self.0.write(Some(key.clone()), M::delete(key)).await?.after.pop())
    }

    /// Inserts the row, or changes the row that has its primary key.
    ///
    /// `key` is the primary key of `new`: it finds the unique values that the row had
    /// before. Returns the row as the database holds it.
    pub async fn upsert<I, C>(&self, key: impl AsKey<M::Key>, new: I, change: C) -> Result<M>
    where
        I: Upsert<M, D::Backend, C>,
    {
        one(self.0.write(Some(key.to_key()), new.upsert(change)).await?.after)
    }

    /// Forgets the row with this key, after it was changed past the repository.
    ///
    /// Call it after the change has committed. Entries of unique values need not be
    /// forgotten: what they lead to is verified; a remembered absence of one does, with the
    /// generated `invalidate_by_..`.
    pub async fn invalidate(&self, key: impl AsKey<M::Key>) {
        self.0.invalidate([key.to_key()]).await;
    }

    /// Forgets the rows with these keys, in one round trip.
    pub async fn invalidate_many(&self, keys: impl IntoIterator<Item = impl AsKey<M::Key>>) {
        let keys: Vec<M::Key> = keys.into_iter().map(|key| key.to_key()).collect();
        self.0.invalidate(keys).await;
    }

    /// The row with this unique value. Called by the generated `find_by_..`.
    #[doc(hidden)]
    pub async fn find_by(
        &self,
        lookup: usize,
        value: &(impl KeyParts + Sync),
        owned: impl Fn() -> M::Lookup + Send,
    ) -> Result<Option<Arc<M>>> {
        self.0.find_by(lookup, value, owned).await
    }

    /// Forgets where this unique value leads. Called by the generated `invalidate_by_..`.
    #[doc(hidden)]
    pub async fn invalidate_by(&self, lookup: usize, value: &(impl KeyParts + Sync)) {
        self.0.invalidate_by(lookup, value).await;
    }
}

/// The one row that an insert returns.
fn one<M>(mut rows: Vec<M>) -> Result<M> {
    rows.pop().ok_or_else(|| {
        Error::new(
            ErrorKind::Database,
            "the insert returned no row; a trigger or rule may have suppressed it",
        )
    })
}
