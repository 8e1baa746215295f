//! The models behind one trait: what is done to a row, and the value that it then has.

use std::sync::Arc;

use cache_runtime::ports::{BoxFuture, Database};
use cache_runtime::{Cache, Error, ErrorKind, Repository, Result};

use crate::models::Counter;
use crate::models::{fenced_aside, fenced_through, validated_aside, validated_through};

/// How many rows each model has: few, so that writes of the same row meet.
pub(crate) const ROWS: usize = 16;

/// What a transaction writes that is rolled back; far above what a run can count to.
const NEVER: i64 = 1 << 40;

/// How a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Find,
    Lookup,
    Uncached,
    Refresh,
}

/// How a row is incremented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One statement that adds one.
    Update,
    /// By a filter.
    Filtered,
    /// Based on a version read before, where the model has one.
    Optimistic,
    /// A transaction that locks the row and changes it.
    Locked,
    /// A transaction that locks the row and saves all of it.
    Saved,
    /// As `Locked`, after a change in a savepoint that is undone.
    Undone,
}

/// A model's rows.
pub(crate) trait Subject: Send + Sync {
    /// The row's value, if there is a row.
    fn read(&self, id: i64, reading: Reading) -> BoxFuture<'_, Result<Option<i64>>>;

    /// As [`read`](Self::read), of several rows at once.
    fn find_many(&self, ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Option<i64>>>>;

    /// Forgets the row and its label.
    fn invalidate(&self, id: i64) -> BoxFuture<'_, ()>;

    /// Adds one to the row, and gives the value that this left.
    fn increment(&self, id: i64, way: Way) -> BoxFuture<'_, Result<i64>>;

    /// Writes a value that no read may ever see, and rolls back.
    fn roll_back(&self, id: i64) -> BoxFuture<'_, Result<()>>;
}

/// The strict models, in the order in which the register numbers their rows.
pub(crate) fn all<D: Database>(cache: &Cache<D>) -> Vec<Arc<dyn Subject>>
where
    fenced_aside::Counter: Counter<D>,
    fenced_through::Counter: Counter<D>,
    validated_aside::Counter: Counter<D>,
    validated_through::Counter: Counter<D>,
{
    vec![
        one::<fenced_aside::Counter, D>(cache),
        one::<fenced_through::Counter, D>(cache),
        one::<validated_aside::Counter, D>(cache),
        one::<validated_through::Counter, D>(cache),
    ]
}

/// The rows of one model.
pub(crate) fn one<M: Counter<D>, D: Database>(cache: &Cache<D>) -> Arc<dyn Subject>
where
    M::Repository<D>: std::ops::Deref<Target = Repository<M, D>>,
{
    Arc::new(Model::<M, D>::new(cache))
}

/// Their names.
pub(crate) const NAMES: [&str; 4] =
    ["fenced_aside", "fenced_through", "validated_aside", "validated_through"];

/// The label of a row.
pub(crate) fn label(id: i64) -> String {
    format!("row {id}")
}

struct Model<M: Counter<D>, D: Database> {
    cache: Cache<D>,
    rows: Repository<M, D>,
}

impl<M: Counter<D>, D: Database> Model<M, D>
where
    M::Repository<D>: std::ops::Deref<Target = Repository<M, D>>,
{
    fn new(cache: &Cache<D>) -> Self {
        Self { cache: cache.clone(), rows: (*cache.repository::<M>()).clone() }
    }
}

impl<M: Counter<D>, D: Database> Model<M, D> {
    async fn locked(&self, id: i64, way: Way) -> Result<i64> {
        self.cache
            .transaction(async |tx| {
                if way == Way::Undone {
                    let undone = tx
                        .savepoint(async |tx| {
                            tx.repository::<M>().update(id, M::Set::from(NEVER)).await?;
                            Result::<()>::Err(planned())
                        })
                        .await;
                    expect_planned(undone)?;
                }
                let mut rows = tx.repository::<M>();
                let mut row = rows.lock(id).await?.ok_or_else(gone)?;
                let value = row.value() + 1;
                if way == Way::Saved {
                    row.set(value);
                    rows.save_locked(row).await?;
                } else {
                    rows.update(id, M::Set::from(value)).await?.ok_or_else(gone)?;
                }
                Ok(value)
            })
            .await
    }
}

impl<M: Counter<D>, D: Database> Subject for Model<M, D> {
    fn read(&self, id: i64, reading: Reading) -> BoxFuture<'_, Result<Option<i64>>> {
        Box::pin(async move {
            let row = match reading {
                Reading::Find => self.rows.find(id).await,
                Reading::Lookup => M::find_by_label(&self.rows, label(id)).await,
                Reading::Uncached => self.rows.find_uncached(id).await,
                Reading::Refresh => self.rows.refresh(id).await,
            };
            Ok(row?.map(|row| row.value()))
        })
    }

    fn find_many(&self, ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Option<i64>>>> {
        Box::pin(async move {
            let rows = self.rows.find_many(ids).await?;
            Ok(rows.into_iter().map(|row| row.map(|row| row.value())).collect())
        })
    }

    fn invalidate(&self, id: i64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.rows.invalidate(id).await;
            M::invalidate_by_label(&self.rows, label(id)).await;
        })
    }

    fn increment(&self, id: i64, way: Way) -> BoxFuture<'_, Result<i64>> {
        Box::pin(async move {
            let row = match way {
                Way::Update => self.rows.update(id, M::MORE).await?,
                Way::Filtered => M::increment_where(&self.rows, id).await?.pop(),
                Way::Optimistic => M::increment_at(&self.rows, id).await?,
                Way::Locked | Way::Saved | Way::Undone => return self.locked(id, way).await,
            };
            Ok(row.ok_or_else(gone)?.value())
        })
    }

    fn roll_back(&self, id: i64) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let undone = self
                .cache
                .transaction(async |tx| {
                    tx.repository::<M>().update(id, M::Set::from(NEVER)).await?;
                    Result::<()>::Err(planned())
                })
                .await;
            expect_planned(undone)
        })
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Database, "the row is gone, although no row is ever deleted")
}

const PLANNED: &str = "planned";

fn planned() -> Error {
    Error::new(ErrorKind::Conflict, PLANNED)
}

/// What was rolled back on purpose is no error; whatever else went wrong is.
fn expect_planned(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
        outcome => outcome,
    }
}
