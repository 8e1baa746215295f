//! What an operator sees of the outboxes, and does to parked writes. It moves and removes rows of the
//! runtime's own tables; only an application's flusher applies what they say.

use std::collections::BTreeMap;

use diesel::deserialize;
use diesel::row::Row;

use super::tables::STRIPES;
use crate::engine::outbox::unhex;
use crate::ports::batch::Cells;
use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::values::error::Result;

/// How a model's outbox stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxStatus {
    /// The model's table.
    pub table: String,
    /// How many writes are pending: acknowledged, and neither flushed nor parked.
    pub pending: u64,
    /// How old the oldest of them is, in milliseconds.
    pub oldest_millis: u64,
    /// How many writes are parked, and of how many rows.
    pub parked: (u64, u64),
}

/// The parked writes of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedRow {
    /// The model's table.
    pub table: String,
    /// The row's key, as it is written in keys: each part with a letter for its type and its length.
    pub key: String,
    /// Why the first of them could not be applied.
    pub error: String,
    /// When the first was acknowledged, in milliseconds since 1970 by the database's clock.
    pub since_millis: i64,
    /// What they say, in their order, as JSON; empty for a deletion that names nothing but the key.
    pub payloads: Vec<String>,
    /// Its stripe and its name there.
    pub(crate) place: (i64, String),
    first: i64,
}

/// What becomes of the parked writes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// All are pending again, in their order.
    Retry,
    /// The first is removed for good, and the others are pending again.
    Skip,
    /// All are removed for good.
    Discard,
}

struct Parked {
    stripe: i64,
    seq: i64,
    aggregate: String,
    payload: String,
    error: String,
    at_millis: i64,
}

impl<DB: Dialect> FromRow<DB> for Parked {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let integer = |column| DB::integer(row, column).map(Option::unwrap_or_default);
        let text = |column| DB::text(row, column).map(Option::unwrap_or_default);
        Ok(Self {
            stripe: integer(0)?,
            seq: integer(1)?,
            aggregate: text(2)?,
            payload: text(3)?,
            error: text(4)?,
            at_millis: integer(5)?,
        })
    }
}

struct Named {
    id: i64,
    table: String,
}

impl<DB: Dialect> FromRow<DB> for Named {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let table = DB::text(row, 1)?.unwrap_or_default();
        Ok(Self { id: DB::integer(row, 0)?.unwrap_or_default(), table: readable(&table) })
    }
}

/// What was written in hexadecimal, as text.
fn readable(hex: &str) -> String {
    unhex(hex).map_or_else(|| hex.to_owned(), |it| String::from_utf8_lossy(&it).into_owned())
}

pub(super) async fn tables<D: Database>(database: &D) -> Result<BTreeMap<i64, String>> {
    let all: Vec<Named> =
        database.load(Load::rows("SELECT id, model FROM cache_outbox_models")).await?;
    Ok(all.into_iter().map(|named| (named.id, named.table)).collect())
}

/// How every outbox of the database stands, by table.
pub(crate) async fn status<D: Database>(database: &D) -> Result<Vec<OutboxStatus>> {
    let (integer, now) =
        (<D::Backend as Dialect>::CAST_INTEGER, <D::Backend as Dialect>::NOW_MILLIS);
    let mut all = Vec::new();
    for (id, table) in tables(database).await? {
        let own = format!("stripe BETWEEN {} AND {}", id * STRIPES, (id + 1) * STRIPES - 1);
        let sql = format!(
            "SELECT CAST((SELECT count(*) FROM cache_outbox WHERE {own}) AS {integer}), \
             CAST(coalesce({now} - (SELECT min(at_ms) FROM cache_outbox WHERE {own}), 0) AS \
             {integer}), CAST((SELECT count(*) FROM cache_parked WHERE {own}) AS {integer}), \
             CAST((SELECT count(DISTINCT aggregate) FROM cache_parked WHERE {own}) AS {integer})"
        );
        let cells: Vec<Cells> = database.load(Load::rows(sql)).await?;
        let at = |column| {
            let cell = cells.first().and_then(|cells| cells.at(column));
            u64::try_from(cell.unwrap_or_default()).unwrap_or_default()
        };
        all.push(OutboxStatus {
            table,
            pending: at(0),
            oldest_millis: at(1),
            parked: (at(2), at(3)),
        });
    }
    all.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(all)
}

/// Every row with parked writes.
pub(crate) async fn parked<D: Database>(database: &D) -> Result<Vec<ParkedRow>> {
    let tables = tables(database).await?;
    let sql = "SELECT stripe, seq, aggregate, payload, error, at_ms FROM cache_parked ORDER BY \
               stripe, aggregate, seq";
    let writes: Vec<Parked> = database.load(Load::rows(sql)).await?;
    let mut rows: Vec<ParkedRow> = Vec::new();
    for write in writes {
        let place = (write.stripe, write.aggregate);
        if rows.last().is_none_or(|row| row.place != place) {
            rows.push(ParkedRow {
                table: tables.get(&write.stripe.div_euclid(STRIPES)).cloned().unwrap_or_default(),
                key: readable(&place.1),
                error: write.error,
                since_millis: write.at_millis,
                payloads: Vec::new(),
                place,
                first: write.seq,
            });
        }
        if let Some(row) = rows.last_mut() {
            row.payloads.push(write.payload);
        }
    }
    Ok(rows)
}

/// Decides on the parked writes of a row, if they are still those that were seen. Tells whether they
/// were.
pub(crate) async fn decide<D: Database>(database: &D, row: &ParkedRow, fate: Fate) -> Result<bool> {
    let (stripe, aggregate) = &row.place;
    let here = format!("stripe = {stripe} AND aggregate = '{aggregate}'");
    let mut transaction = database.begin().await?;
    // Under the claim, so that no flush is under way, which removes what it has taken by its last number;
    // and under the head, so that nobody enqueues meanwhile who saw the row parked, or not.
    let lock = <D::Backend as Dialect>::LOCK_ROWS;
    for table in ["cache_outbox_claims", "cache_outbox_stripes"] {
        let sql = format!("SELECT stripe FROM {table} WHERE stripe = {stripe}{lock}");
        let _: Vec<Cells> = transaction.load(Load::rows(sql)).await?;
    }
    let integer = <D::Backend as Dialect>::CAST_INTEGER;
    let seen =
        format!("SELECT CAST(count(*) AS {integer}), min(seq) FROM cache_parked WHERE {here}");
    let seen: Vec<Cells> = transaction.load(Load::rows(seen)).await?;
    let (count, first) = seen.first().map_or((None, None), |cells| (cells.at(0), cells.at(1)));
    if first != Some(row.first) {
        transaction.rollback().await?;
        return Ok(false);
    }
    let moved = match fate {
        Fate::Discard => 0,
        Fate::Skip => count.unwrap_or_default() - 1,
        Fate::Retry => count.unwrap_or_default(),
    };
    let mut all = Vec::new();
    if fate == Fate::Skip {
        all.push(format!("DELETE FROM cache_parked WHERE {here} AND seq = {}", row.first));
    }
    if fate != Fate::Discard {
        all.push(format!(
            "INSERT INTO cache_outbox (stripe, seq, aggregate, kind, payload, version, at_ms) SELECT \
             stripe, seq, aggregate, kind, payload, version, at_ms FROM cache_parked WHERE {here}"
        ));
    }
    all.push(format!("DELETE FROM cache_parked WHERE {here}"));
    // What is pending again is counted again.
    all.push(format!(
        "UPDATE cache_outbox_stripes SET parked = parked - 1, skipped = skipped - {moved} WHERE \
         stripe = {stripe}"
    ));
    for sql in all {
        let _: Vec<Cells> = transaction.load(Load::run(sql)).await?;
    }
    transaction.commit().await?;
    Ok(true)
}
