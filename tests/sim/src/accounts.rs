//! What a schedule does with a model's rows, whatever its mode.

use std::sync::Arc;

use cache_runtime::Result;
use cache_runtime::ports::{BoxFuture, Clock, Store};

use crate::history::{Deed, Row};

/// A step of a transaction.
#[derive(Clone, Debug)]
pub enum Step {
    Find(i64),
    /// Each write names the balance that it gives.
    Update(i64, Option<&'static str>, i64),
    Insert(i64, &'static str, i64),
    Delete(i64),
    /// Takes the row with a lock and writes all of it.
    SaveLocked(i64, i64),
    /// These steps in a savepoint, which is kept or undone.
    Savepoint(Vec<Step>, bool),
}

/// What a transaction has done and seen.
#[derive(Default)]
pub struct Log {
    pub deeds: Vec<Deed>,
    /// Reads of rows that the transaction itself had written: key, balance read, written.
    pub own: Vec<(i64, Option<i64>, Option<i64>)>,
}

impl Log {
    /// What the transaction has made of the row, if it has written it.
    pub fn written(&self, id: i64) -> Option<Option<i64>> {
        self.deeds.iter().rev().find_map(|deed| match deed {
            Deed::Set { id: other, balance, .. } if *other == id => Some(Some(*balance)),
            Deed::Gone { id: other, .. } if *other == id => Some(None),
            _ => None,
        })
    }
}

/// A model's rows in one process.
pub trait Accounts: Send + Sync {
    fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>>;
    fn find_many(&self, ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Option<Row>>>>;
    fn find_by_email(&self, email: &'static str) -> BoxFuture<'_, Result<Option<Row>>>;
    fn find_uncached(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>>;
    fn refresh(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>>;
    fn invalidate(&self, id: i64) -> BoxFuture<'_, ()>;
    fn insert(&self, row: Row) -> BoxFuture<'_, Result<Row>>;
    fn update<'a>(
        &'a self,
        id: i64,
        email: Option<&'a str>,
        balance: i64,
    ) -> BoxFuture<'a, Result<Option<Row>>>;
    /// Gives all rows this balance.
    fn update_all(&self, balance: i64) -> BoxFuture<'_, Result<Vec<Row>>>;
    fn upsert(&self, row: Row) -> BoxFuture<'_, Result<Row>>;
    fn delete(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>>;
    /// Reads a row, lets `between` pass, and writes all of it. Gives the balance that was read.
    fn save<'a>(
        &'a self,
        id: i64,
        balance: i64,
        between: BoxFuture<'a, ()>,
    ) -> BoxFuture<'a, Result<Option<i64>>>;
    /// Runs the steps in one transaction; undone at its end unless `keep`.
    fn transaction<'a>(
        &'a self,
        steps: Vec<Step>,
        keep: bool,
        log: &'a mut Log,
    ) -> BoxFuture<'a, Result<()>>;
}

/// What a cache is put together from.
pub struct Parts<D> {
    pub database: D,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub tokens: Box<dyn Fn() -> crate::ports::SimTokens + Send>,
    pub namespace: String,
}
