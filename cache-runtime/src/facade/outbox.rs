//! The outboxes of a database, for those who look after them.

use super::cache::Cache;
use super::into_database::IntoDatabase;
use crate::engine::behind::control::{self, Fate, OutboxStatus, ParkedRow};
use crate::engine::behind::inspect::{self, OutboxWrite};
use crate::ports::database::Database;
use crate::values::error::Result;

/// The outboxes of one database: how they stand, and what becomes of parked writes. It needs neither the
/// models nor a store, and applies nothing itself: what is retried is flushed by the applications.
pub struct OutboxControl<D: Database> {
    database: D,
}

impl<D: Database> OutboxControl<D> {
    /// Over this pool.
    pub fn new(pool: impl IntoDatabase<Database = D>) -> Self {
        Self { database: pool.into_database() }
    }

    /// How each model's outbox stands, by table.
    ///
    /// # Errors
    ///
    /// As the other methods: [`ErrorKind::Pool`](crate::ErrorKind::Pool) or
    /// [`ErrorKind::Database`](crate::ErrorKind::Database), also if the tables are not there.
    pub async fn status(&self) -> Result<Vec<OutboxStatus>> {
        control::status(&self.database).await
    }

    /// Every row with parked writes.
    pub async fn parked(&self) -> Result<Vec<ParkedRow>> {
        control::parked(&self.database).await
    }

    /// What is pending and parked for one row, in its order. `key` is as [`ParkedRow::key`] writes it.
    pub async fn writes(&self, table: &str, key: &str) -> Result<Vec<OutboxWrite>> {
        inspect::writes(&self.database, table, key).await
    }

    /// Decides on the parked writes of a row. False, and nothing is changed, if they are no longer those
    /// that were seen.
    pub async fn decide(&self, row: &ParkedRow, fate: Fate) -> Result<bool> {
        control::decide(&self.database, row, fate).await
    }
}

impl<D: Database> Cache<D> {
    /// The outboxes of this cache's database.
    pub fn outboxes(&self) -> OutboxControl<D> {
        OutboxControl { database: self.database().clone() }
    }
}
