//! What is pending and parked for one row, for an operator who wants to know.

use diesel::deserialize;
use diesel::row::Row;

use super::control::tables;
use super::tables::STRIPES;
use crate::engine::outbox::hex;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::values::error::Result;

/// A write in the outbox, or among what is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxWrite {
    /// Its place, which no other write of the database ever has: `stripe` and `seq`.
    pub id: (i64, i64),
    /// `put`, `delete`, `merge`, or `touch` for one by a read.
    pub kind: &'static str,
    /// When it was acknowledged, in milliseconds since 1970 by the database's clock.
    pub at_millis: i64,
    /// The version of its payload.
    pub version: i64,
    /// What it says, as JSON.
    pub payload: String,
    /// Why it is parked, if it is.
    pub parked: Option<String>,
}

impl<DB: Dialect> FromRow<DB> for OutboxWrite {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let integer = |column| DB::integer(row, column).map(Option::unwrap_or_default);
        let text = |column| DB::text(row, column).map(Option::unwrap_or_default);
        Ok(Self {
            id: (integer(0)?, integer(1)?),
            kind: match integer(2)? {
                0 => "put",
                1 => "delete",
                2 => "merge",
                _ => "touch",
            },
            at_millis: integer(3)?,
            version: integer(4)?,
            payload: text(5)?,
            parked: Some(text(6)?).filter(|error| !error.is_empty()),
        })
    }
}

/// All writes of the row with this key, in their order.
pub(crate) async fn writes<D: Database>(
    database: &D,
    table: &str,
    key: &str,
) -> Result<Vec<OutboxWrite>> {
    let id = tables(database).await?.into_iter().find(|(_, known)| known == table);
    let Some((id, _)) = id else { return Ok(Vec::new()) };
    let here = format!(
        "WHERE aggregate = '{}' AND stripe BETWEEN {} AND {}",
        hex(key.as_bytes()),
        id * STRIPES,
        (id + 1) * STRIPES - 1
    );
    let columns = "stripe, seq, kind, at_ms, version, payload";
    let sql = format!(
        "SELECT {columns}, '' AS error FROM cache_outbox {here} UNION ALL SELECT {columns}, error \
         FROM cache_parked {here}"
    );
    let mut writes: Vec<OutboxWrite> = database.load(Load::rows(sql)).await?;
    writes.sort_by_key(|write| write.id);
    Ok(writes)
}
