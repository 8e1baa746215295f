//! When each value of each row was committed, by the database's own account.
//!
//! A transaction leaves a row for each row that it wrote, with its own number; PostgreSQL keeps the
//! time at which each transaction committed. So a writer that is killed after its COMMIT has left
//! all that the judge needs.

use std::collections::HashMap;

use cache_runtime::Result;
use cache_runtime::ports::{Database, FromRow, Load, Transaction};
use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};

use super::tables::JOURNAL;
use crate::Fault;

/// A database whose transactions leave behind what they wrote.
#[derive(Clone)]
pub(super) struct Journaled<D>(pub(super) D);

impl<D: Database> Database for Journaled<D> {
    type Backend = D::Backend;
    type Transaction = JournaledTransaction<D::Transaction>;

    async fn load<U: FromRow<D::Backend>>(&self, load: Load<D::Backend, U>) -> Result<Vec<U>> {
        self.0.load(load).await
    }

    async fn begin(&self) -> Result<JournaledTransaction<D::Transaction>> {
        Ok(JournaledTransaction(self.0.begin().await?))
    }

    async fn check(&self) -> Result<()> {
        self.0.check().await
    }
}

/// A transaction that leaves behind what it wrote.
pub(super) struct JournaledTransaction<T>(T);

impl<T: Transaction> Transaction for JournaledTransaction<T> {
    type Backend = T::Backend;

    async fn load<U: FromRow<T::Backend>>(&mut self, load: Load<T::Backend, U>) -> Result<Vec<U>> {
        self.0.load(load).await
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.0.execute(sql).await
    }

    async fn save(&mut self) -> Result<()> {
        self.0.save().await
    }

    async fn end_save(&mut self, keep: bool) -> Result<()> {
        self.0.end_save(keep).await
    }

    async fn commit(mut self) -> Result<()> {
        self.0.execute(JOURNAL).await?;
        self.0.commit().await
    }

    async fn rollback(self) -> Result<()> {
        self.0.rollback().await
    }
}

/// When each value of a row was committed, in microseconds since 1970: by the row's place, and the
/// value.
pub(super) type Commits = HashMap<(u32, u64), u64>;

#[derive(QueryableByName)]
struct Committed {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = BigInt)]
    value: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

/// Reads the journal.
pub(super) struct Journal(AsyncPgConnection);

impl Journal {
    pub(super) async fn open(url: &str) -> std::result::Result<Self, Fault> {
        Ok(Self(AsyncPgConnection::establish(url).await?))
    }

    /// All that was committed so far.
    pub(super) async fn commits(&mut self) -> std::result::Result<Commits, Fault> {
        let sql = "SELECT place, value, (extract(epoch FROM pg_xact_commit_timestamp(xid)) * \
                   1000000)::bigint AS at FROM journal";
        let rows: Vec<Committed> =
            diesel_async::RunQueryDsl::load(diesel::sql_query(sql), &mut self.0).await?;
        let number = |number: i64| u64::try_from(number).unwrap_or_default();
        let place = |place: i64| u32::try_from(place).unwrap_or_default();
        Ok(rows.iter().map(|it| ((place(it.place), number(it.value)), number(it.at))).collect())
    }

    /// The number of the process that leads each table's relay: it begins the holder's token.
    pub(super) async fn leaders(&mut self) -> std::result::Result<Vec<usize>, Fault> {
        let sql = "SELECT ('x' || lpad(left(holder, 2), 16, '0'))::bit(64)::bigint AS place, \
                   0::bigint AS value, until_ms AS at FROM cache_leaders WHERE holder <> '' AND \
                   until_ms > extract(epoch FROM clock_timestamp()) * 1000 ORDER BY scope";
        let rows: Vec<Committed> =
            diesel_async::RunQueryDsl::load(diesel::sql_query(sql), &mut self.0).await?;
        Ok(rows.iter().filter_map(|it| usize::try_from(it.place).ok()).collect())
    }
}
