//! What pending writes make of a row.

use crate::ports::batch::Pending;
use crate::ports::behind::Behind;
use crate::ports::column_values::ColumnValues;
use crate::ports::database::Dialect;
use crate::ports::model::{BoxError, Model};
use crate::values::guard::Guard;
use crate::values::outbox::OnConflict;

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
    pub(crate) fn needs_row<DB: Dialect, M: Model>(&self, behind: &Behind<DB, M>) -> bool {
        behind.conflicts.is_some() || self.pending.first().is_some_and(|write| is_delta(write.kind))
    }

    /// The key of the row.
    pub(crate) fn key<DB: Dialect, M: Model>(
        &self,
        behind: &Behind<DB, M>,
    ) -> Result<M::Key, BoxError> {
        let first = self.pending.first().ok_or("no write is pending")?;
        payload(behind, first)?.key::<M>()
    }

    /// The row as the writes leave it, one after the other; none if they leave none. And how many of
    /// them replaced what they had not seen.
    pub(crate) fn fold<DB: Dialect, M: Model>(
        &self,
        behind: &Behind<DB, M>,
        mut row: Option<M>,
    ) -> Result<(Option<M>, usize), BoxError> {
        let mut conflicts = 0;
        for write in &self.pending {
            let payload = payload(behind, write)?;
            let current = row.as_ref().and_then(M::version);
            if !is_delta(write.kind) {
                conflicts += usize::from(has_conflict(behind, &payload, current)?);
            }
            row = match write.kind {
                kind if kind == Kind::Put as i64 => Some(payload.row::<M>()?),
                kind if kind == Kind::Delete as i64 => None,
                // Whoever has read a row that is gone since has nobody to tell.
                kind if kind == Kind::Touch as i64 && row.is_none() => None,
                kind if is_delta(kind) => {
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
            if let (Some(row), Some(rule)) = (&mut row, behind.conflicts)
                && write.kind != Kind::Touch as i64
            {
                let next = next_version(row.version(), current);
                (rule.set)(row, next)?;
            }
        }
        Ok((row, conflicts))
    }
}

fn is_delta(kind: i64) -> bool {
    kind == Kind::Merge as i64 || kind == Kind::Touch as i64
}

/// The version of a row that is written over one of version `current`.
pub(crate) fn next_version(given: Option<i64>, current: Option<i64>) -> i64 {
    given.max(current).unwrap_or_default().saturating_add(1)
}

/// Whether the write is based on another version than the row's, and replaces it all the same.
fn has_conflict<DB: Dialect, M: Model>(
    behind: &Behind<DB, M>,
    payload: &ColumnValues,
    current: Option<i64>,
) -> Result<bool, BoxError> {
    let (Some(rule), Some(base)) = (behind.conflicts, payload.base()) else { return Ok(false) };
    // Anomaly 40: what another program has written would be gone, and nobody would know.
    if base == current || !Guard::ConflictSeen.stands() {
        return Ok(false);
    }
    if rule.on == OnConflict::Overwrite {
        return Ok(true);
    }
    Err(Box::new(Overtaken { base, current }))
}

/// Another program has changed the row since.
#[derive(Debug)]
pub(crate) struct Overtaken {
    base: Option<i64>,
    current: Option<i64>,
}

impl std::fmt::Display for Overtaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let says = |version: Option<i64>| match version {
            Some(version) => format!("version {version}"),
            None => "no row".to_owned(),
        };
        write!(
            f,
            "another program has changed the row: this write is based on {}, and there is {} now; \
             `on_conflict` is \"reject\"",
            says(self.base),
            says(self.current)
        )
    }
}

impl std::error::Error for Overtaken {}

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
