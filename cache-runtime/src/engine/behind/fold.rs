//! What pending writes make of a row.

use crate::ports::batch::Pending;
use crate::ports::behind::Behind;
use crate::ports::column_values::ColumnValues;
use crate::ports::database::Dialect;
use crate::ports::model::{BoxError, Model};

use super::tables::Kind;

/// The writes of one row, in order.
pub(crate) struct Writes {
    pub(crate) aggregate: String,
    pub(crate) pending: Vec<Pending>,
}

/// Sorts writes by the rows that they are of. They come in order, and stay so.
pub(crate) fn by_row(pending: Vec<Pending>) -> Vec<Writes> {
    let mut order: Vec<Writes> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for write in pending {
        let place = *places.entry(write.aggregate.clone()).or_insert_with(|| {
            order.push(Writes { aggregate: write.aggregate.clone(), pending: Vec::new() });
            order.len() - 1
        });
        if let Some(writes) = order.get_mut(place) {
            writes.pending.push(write);
        }
    }
    order
}

impl Writes {
    /// Whether the row as it is has a part in what becomes of it.
    pub(crate) fn needs_row(&self) -> bool {
        self.pending.first().is_some_and(|write| write.kind == Kind::Merge as i64)
    }

    /// The key of the row.
    pub(crate) fn key<DB: Dialect, M: Model>(
        &self,
        behind: &Behind<DB, M>,
    ) -> Result<M::Key, BoxError> {
        let first = self.pending.first().ok_or("no write is pending")?;
        payload(behind, first)?.key::<M>()
    }

    /// The row as the writes leave it, one after the other; none if they leave none.
    pub(crate) fn fold<DB: Dialect, M: Model>(
        &self,
        behind: &Behind<DB, M>,
        mut row: Option<M>,
    ) -> Result<Option<M>, BoxError> {
        for write in &self.pending {
            let payload = payload(behind, write)?;
            row = match write.kind {
                kind if kind == Kind::Put as i64 => Some(payload.row::<M>()?),
                kind if kind == Kind::Delete as i64 => None,
                kind if kind == Kind::Merge as i64 => {
                    let mut row = match (row, behind.missing) {
                        (Some(row), _) => row,
                        (None, Some(missing)) => missing(payload.key::<M>()?),
                        (None, None) => return Err(Box::new(NoRow)),
                    };
                    (behind.apply)(&mut row, &payload)?;
                    Some(row)
                }
                other => return Err(format!("a write of an unknown kind: {other}").into()),
            };
        }
        Ok(row)
    }
}

/// What a pending write says, in the words of this build.
fn payload<DB: Dialect, M: Model>(
    behind: &Behind<DB, M>,
    write: &Pending,
) -> Result<ColumnValues, BoxError> {
    let mut payload = ColumnValues::from_json(&write.payload)?;
    let version = u32::try_from(write.version)?;
    if version > behind.outbox.version {
        return Err(format!(
            "its payload is of version {version}, which a later build has written; this one knows \
             those up to {}",
            behind.outbox.version
        )
        .into());
    }
    if version < behind.outbox.version
        && let Some(upgrade) = behind.upgrade
    {
        upgrade(version, &mut payload)?;
    }
    Ok(payload)
}

/// A delta for a row that is not there.
#[derive(Debug)]
pub(crate) struct NoRow;

impl std::fmt::Display for NoRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "there is no row for the delta; `outbox(on_missing = \"insert\")` would make one",
        )
    }
}

impl std::error::Error for NoRow {}
