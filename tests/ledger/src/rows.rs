//! The three models through the cache, whatever the database.

use std::ops::Deref;

use cache_runtime::ports::{BoxFuture, Database, Statements};
use cache_runtime::{Cache, Cached, Fate, OutboxControl, Repository, Result, WriteBehind};

use crate::link::integer;
use crate::models::{Counter, Entry, Sheet};
use crate::register::Row;

/// How a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Find,
    Uncached,
    /// Together with other rows.
    Many,
}

/// What a process does with the rows.
pub(crate) trait Rows: Send + Sync {
    fn insert(&self, id: i64, good: bool) -> BoxFuture<'_, Result<()>>;

    fn add(&self, id: i64, weight: i64) -> BoxFuture<'_, Result<()>>;

    fn replace(&self, id: i64, version: i64, good: bool) -> BoxFuture<'_, Result<()>>;

    /// The number of a counter, or the version of a sheet.
    fn read(&self, row: Row, reading: Reading) -> BoxFuture<'_, Result<Option<i64>>>;

    /// Leaves the flushing to others.
    fn pause(&self) -> BoxFuture<'_, ()>;

    /// Skips the first parked write of each sheet that has a good one as its last. Tells how many.
    fn skip_parked(&self) -> BoxFuture<'_, Result<u64>>;
}

/// The three repositories.
pub(crate) struct Repositories<D: Database> {
    entries: Repository<Entry, D>,
    counters: Repository<Counter, D>,
    sheets: Repository<Sheet, D>,
    control: OutboxControl<D>,
    /// Else they end with it.
    _cache: Cache<D>,
}

fn of<M, D>(cache: &Cache<D>) -> Repository<M, D>
where
    M: Cached + Statements<D::Backend>,
    D: Database,
    M::Repository<D>: Deref<Target = Repository<M, D>>,
{
    (*cache.repository::<M>()).clone()
}

impl<D: Database> Repositories<D>
where
    Entry: Statements<D::Backend>,
    Counter: Statements<D::Backend>,
    Sheet: Statements<D::Backend>,
{
    pub(crate) fn new(cache: Cache<D>) -> Self {
        let control = cache.outboxes();
        Self {
            entries: of(&cache),
            counters: of(&cache),
            sheets: of(&cache),
            control,
            _cache: cache,
        }
    }
}

async fn read<M, D>(
    rows: &Repository<M, D>,
    id: usize,
    reading: Reading,
    value: impl Fn(&M) -> i64,
) -> Result<Option<i64>>
where
    M: Cached<Key = i64> + WriteBehind + Statements<D::Backend>,
    D: Database,
{
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    let row = match reading {
        Reading::Find => rows.find(id).await?,
        Reading::Uncached => rows.find_uncached(id).await?,
        Reading::Many => {
            // Neighbours.
            rows.find_many([id ^ 1, id ^ 2, id]).await?.pop().flatten()
        }
    };
    Ok(row.map(|row| value(&row)))
}

impl<D: Database> Rows for Repositories<D>
where
    Entry: Statements<D::Backend>,
    Counter: Statements<D::Backend>,
    Sheet: Statements<D::Backend>,
{
    fn insert(&self, id: i64, good: bool) -> BoxFuture<'_, Result<()>> {
        let entry = Entry { id, good: i64::from(good) };
        Box::pin(async move { self.entries.enqueue(entry).await.map(drop) })
    }

    fn add(&self, id: i64, weight: i64) -> BoxFuture<'_, Result<()>> {
        let delta = Counter::delta().number(1).total(weight);
        Box::pin(async move { self.counters.merge(id, delta).await.map(drop) })
    }

    fn replace(&self, id: i64, version: i64, good: bool) -> BoxFuture<'_, Result<()>> {
        let sheet = Sheet { id, version, good: i64::from(good) };
        Box::pin(async move { self.sheets.enqueue(sheet).await.map(drop) })
    }

    fn read(&self, row: Row, reading: Reading) -> BoxFuture<'_, Result<Option<i64>>> {
        Box::pin(async move {
            match row {
                Row::Counter(id) => read(&self.counters, id, reading, |row| row.number).await,
                Row::Sheet(id) => read(&self.sheets, id, reading, |row| row.version).await,
            }
        })
    }

    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.entries.pause_flushing().await;
            self.counters.pause_flushing().await;
            self.sheets.pause_flushing().await;
        })
    }

    fn skip_parked(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            let mut skipped = 0;
            for row in self.control.parked().await? {
                // What is skipped must not be the newest: nobody may see the row go back.
                let last = row.payloads.last().and_then(|payload| integer(payload, "good"));
                if row.table.ends_with("sheets") && row.payloads.len() > 1 && last == Some(1) {
                    skipped += u64::from(self.control.decide(&row, Fate::Skip).await?);
                }
            }
            Ok(skipped)
        })
    }
}
