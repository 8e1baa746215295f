//! The database: where the truth is.

use std::future::Future;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize;
use diesel::query_builder::AstPass;
use diesel::row::Row;

use super::load::{Load, Version};
use super::model::FromRow;
use crate::values::error::Result;

/// What differs between databases, and nothing else.
pub trait Dialect: Backend<QueryBuilder: Default> + Default + 'static {
    /// Begins a transaction that will write, so that it need not upgrade later.
    const BEGIN_WRITE: &'static str;
    /// Follows a SELECT whose rows must stay as they are until the transaction ends.
    const LOCK_ROWS: &'static str;
    /// Follows a SELECT whose rows must not be deleted until the transaction ends.
    const SHARE_ROWS: &'static str;
    /// Whether a statement can return the rows that it wrote. Where it cannot, a [`Load`] of a
    /// write is more than one statement.
    const RETURNING: bool;
    /// Whether a statement that fails can end its whole transaction, as a deadlock does on MySQL.
    const ERRORS_END_TRANSACTIONS: bool;
    /// How many values one statement may bind.
    const MAX_BINDS: usize;
    /// The next number of the counter that versions are taken from, as an expression.
    const NEXT_VERSION: &'static str;
    /// What CAST calls an integer of 64 bits.
    const CAST_INTEGER: &'static str;
    /// What a transaction runs before [`NEXT_VERSION`](Self::NEXT_VERSION), if anything.
    const COUNT_VERSION: &'static str;
    /// Fails unless the counter is there. As every statement of the runtime's own it returns text.
    const CHECK_COUNTER: &'static str;
    /// Makes the counter.
    const CREATE_COUNTER: &'static str;
    /// Names the present transaction, as text; empty where a lost COMMIT cannot go on.
    const TRANSACTION: &'static str;

    /// Tells `in progress`, `committed` or `aborted` of a transaction so named.
    fn outcome_of(transaction: &str) -> String;

    /// Tells of each trigger or rule of a table, `plain` or `deferred`. `table` is its name in
    /// the database, with the schema, unquoted.
    fn triggers_of(table: &str) -> String;

    /// Tells where the database is, as text: the same to every process, and empty where only this
    /// one can reach it.
    const PLACE: &'static str;

    /// How a process claims the database for itself.
    fn claim(namespace: &str) -> Claim;

    /// The database's own clock, in whole milliseconds since 1970, as an expression.
    const NOW_MILLIS: &'static str;

    /// Tells one life of the database from another that it was restored to or failed over to, as
    /// an expression; an empty text where nothing tells.
    const IDENTITY: &'static str;

    /// Follows LOCK_ROWS where a row that another transaction has locked is to be passed over; or
    /// empty, where that cannot be as one transaction writes at a time.
    const PASS_LOCKED: &'static str;
    /// Has constraints that wait for the COMMIT checked at once in this transaction; or empty.
    const CONSTRAINTS_NOW: &'static str;
    /// Whether an INSERT can say what becomes of a row that is there already, and this by its primary
    /// key alone.
    const UPSERTS_BY_KEY: bool;
    /// Around a text: a table `r` of what a JSON array of objects holds: the numbers s, q, k and v,
    /// the texts a and p.
    const JSON_ROWS: (&'static str, &'static str);
    /// Tells, a row each, of settings by which a transaction that was committed can be lost.
    const LOSSES: &'static str;

    /// Whether other statements that write can stand in a statement's WITH.
    const WRITES_WITHIN: bool;

    /// Binds an integer of 64 bits.
    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()>;

    /// Binds a text.
    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()>;

    /// A column of text.
    fn text<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<String>>;

    /// A column of 64-bit integers.
    fn integer<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<i64>>;
}

/// A lock that ends with the process that holds it.
#[derive(Debug, Clone)]
pub enum Claim {
    /// On a file beside the database's own.
    File,
    /// Taken by a statement, which answers `true` or `false`, until its transaction ends.
    Lock {
        /// The statement.
        take: String,
        /// The statement that gives it back, where it outlives its transaction. With the
        /// connection it ends in any case.
        give_back: Option<String>,
    },
}

impl<DB: Dialect> FromRow<DB> for String {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        DB::text(row, 0)?.ok_or_else(|| "a statement of the runtime's own returned NULL".into())
    }
}

impl<DB: Dialect> FromRow<DB> for Version {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        DB::integer(row, 0)?.map(Self).ok_or_else(|| "a version is NULL".into())
    }
}

/// A pool of connections to the primary.
///
/// Contract:
/// - Every statement goes to the primary, never to a replica.
/// - A statement begins after the call and its snapshot is not older than the call.
/// - A dropped future leaves the pool usable. The statement may still run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database that the cache can use",
    note = "give `Cache::builder` an r2d2 pool (feature `r2d2`) or a deadpool pool of async connections (feature `diesel-async`)"
)]
pub trait Database: Clone + Send + Sync + 'static {
    /// The Diesel backend.
    type Backend: Dialect;
    /// A transaction on one of its connections.
    type Transaction: Transaction<Backend = Self::Backend>;

    /// Runs one statement outside a transaction.
    fn load<U: FromRow<Self::Backend>>(
        &self,
        load: Load<Self::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send;

    /// Begins a transaction that will write.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction>> + Send;

    /// Takes a connection and gives it back, to learn whether one can be had.
    fn check(&self) -> impl Future<Output = Result<()>> + Send;
}

/// A transaction that writes, at READ COMMITTED or stricter.
///
/// Contract:
/// - A row that a locking load or a statement returned is not changed by others until the
///   transaction ends.
/// - Dropped before `commit`, also while a statement runs, it is rolled back sooner or later
///   and its connection is not used by others before that.
/// - `commit` answers `Ok` only if it committed. An error other than
///   [`ErrorKind::CommitUnknown`](crate::ErrorKind::CommitUnknown) means that it did not
///   commit and never will.
pub trait Transaction: Send + 'static {
    /// The Diesel backend.
    type Backend: Dialect;

    /// Runs one statement.
    fn load<U: FromRow<Self::Backend>>(
        &mut self,
        load: Load<Self::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send;

    /// Runs a statement of the runtime's own that returns nothing.
    fn execute(&mut self, sql: &'static str) -> impl Future<Output = Result<()>> + Send;

    /// Begins a savepoint.
    fn save(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Ends the innermost savepoint: keeps what came after it, or undoes it.
    fn end_save(&mut self, keep: bool) -> impl Future<Output = Result<()>> + Send;

    /// Commits.
    fn commit(self) -> impl Future<Output = Result<()>> + Send;

    /// Rolls back. Whatever the answer, it will not commit.
    fn rollback(self) -> impl Future<Output = Result<()>> + Send;
}

/// A transaction that can lend its connection to raw Diesel, on a blocking thread.
///
/// Contract: `work` runs within the transaction, after what was run before it and before what is
/// run after it. If the caller goes away it runs to its end.
pub trait RawTransaction: Transaction {
    /// The connection.
    type Connection: LoadConnection<Backend = Self::Backend>;

    /// Runs `work` on the connection.
    fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Self::Connection) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send;
}
