//! Ours: a repository of a write-behind model.

use std::ops::Deref;
use std::sync::Arc;

use cache_runtime::ports::{BoxFuture, Database, Statements, Store};
use cache_runtime::{Cache, Repository, models};

use crate::Fault;
use crate::load::Side;
use crate::models::Page;

/// What is written behind.
pub(crate) trait Queue: Side {
    /// Nothing is flushed from when this returns until [`resume`](Self::resume).
    fn pause(&self) -> BoxFuture<'_, ()>;

    fn resume(&self);

    /// How many writes are in the outbox.
    fn pending(&self) -> BoxFuture<'_, Result<u64, Fault>>;

    /// What was written last to the row with this key.
    fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>, Fault>>;
}

struct Behind<M: Page, D: Database> {
    /// Gone, it would end what works for the repository.
    _cache: Cache<D>,
    rows: Repository<M, D>,
}

/// Opens a cache with this model alone.
pub(crate) async fn open<M, D>(
    database: D,
    store: Arc<dyn Store>,
    namespace: &str,
) -> Result<Arc<dyn Queue>, Fault>
where
    D: Database,
    M: Page + Statements<D::Backend>,
    M::Repository<D>: Deref<Target = Repository<M, D>>,
{
    let builder = Cache::builder(database).shared_store(store).models(models![M]);
    let cache = builder.namespace(namespace).build().await?;
    let rows = (*cache.repository::<M>()).clone();
    Ok(Arc::new(Behind { _cache: cache, rows }))
}

impl<M: Page + Statements<D::Backend>, D: Database> Side for Behind<M, D> {
    fn write(&self, id: i64, value: i64) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move { Ok(self.rows.enqueue(M::new(id, value)).await.map(drop)?) })
    }
}

impl<M: Page + Statements<D::Backend>, D: Database> Queue for Behind<M, D> {
    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.rows.pause_flushing())
    }

    fn resume(&self) {
        self.rows.resume_flushing();
    }

    fn pending(&self) -> BoxFuture<'_, Result<u64, Fault>> {
        Box::pin(async { Ok(self.rows.pending().await?) })
    }

    fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>, Fault>> {
        Box::pin(async move { Ok(self.rows.find_uncached(id).await?.map(|row| row.value())) })
    }
}
