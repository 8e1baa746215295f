//! What a schedule does with a model's rows, whatever its mode.

use std::sync::Arc;

use cache_runtime::Result;
use cache_runtime::ports::{BoxFuture, Clock, EventSource, Store};

use crate::history::{Deed, Item, Register, Row};

/// What is done with the items of accounts, in a transaction or by itself.
#[derive(Clone, Debug)]
pub enum ItemAct {
    /// Finds the account with all of its items.
    Whole(i64),
    Find(i64),
    Insert(Item),
    /// Changes the item, which may go to another account.
    Change(i64, Option<i64>, i64),
    Delete(i64),
}

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
    Item(ItemAct),
}

/// What a transaction has done and seen.
#[derive(Default)]
pub struct Log {
    pub deeds: Vec<Deed>,
    /// Reads of rows that the transaction itself had written: number read, and written.
    pub own: Vec<(Register, Option<i64>, Option<i64>)>,
}

impl Log {
    /// The transaction reads this.
    pub fn read(&mut self, of: Register, number: Option<i64>) {
        if let Some(written) = self.written(&of) {
            self.own.push((of, number, written));
        }
    }

    /// What the transaction has made of the row, if it has written it.
    fn written(&self, of: &Register) -> Option<Option<i64>> {
        let last = self.deeds.iter().rev().find(|deed| deed.of() == of)?;
        Some(match last {
            Deed::Set { number, .. } => Some(*number),
            Deed::Gone { .. } => None,
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

    /// The items of the accounts, where these are aggregates.
    fn items(&self) -> Option<&dyn Items> {
        None
    }
}

/// An account and its items.
pub type Whole = (Row, Vec<Item>);

/// The members of a model's rows in one process.
pub trait Items: Send + Sync {
    fn whole(&self, account: i64) -> BoxFuture<'_, Result<Option<Whole>>>;
    fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<Item>>>;
    fn insert(&self, item: Item) -> BoxFuture<'_, Result<()>>;
    /// Gives the item as it is then, if there is one.
    fn change(
        &self,
        id: i64,
        account: Option<i64>,
        amount: i64,
    ) -> BoxFuture<'_, Result<Option<Item>>>;
    fn delete(&self, id: i64) -> BoxFuture<'_, Result<Option<Item>>>;
}

/// Where a process hears of changes past the cache, if its model takes events.
pub enum Source {
    Table,
    Stream(Arc<dyn EventSource>),
}

/// What a cache is put together from.
pub struct Parts<D> {
    pub database: D,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub tokens: Box<dyn Fn() -> crate::ports::SimTokens + Send>,
    pub namespace: String,
    pub source: Source,
}
