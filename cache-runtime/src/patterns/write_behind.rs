//! Write-behind: a write is fenced, made durable in an outbox, put into the cache, and acknowledged;
//! it comes into its row later, in order and once. Reads are cache-aside's, but that a miss reads the
//! row together with what is pending for it.
//!
//! What goes wrong in most hand-made versions: the queue is in memory, or in the store alone, and is
//! lost with it (anomaly 33); a read after an eviction goes back to the old row (34); one row that
//! cannot be written stops all others. Here the outbox stands beside the data, every miss sees it,
//! and such a row is parked by itself.

use std::sync::Arc;

use super::write_through::{need, put};
use crate::engine::behind::fold::next_version;
use crate::engine::behind::joining::Joined;
use crate::engine::behind::tables::{Intent, Kind, Place};
use crate::engine::debt::Touch;
use crate::engine::entry::Entry;
use crate::engine::keeper::{Keeper, torn_down};
use crate::engine::session::Session;
use crate::ports::behind::{Delta, WriteBehind};
use crate::ports::column_values::ColumnValues;
use crate::ports::database::Database;
use crate::ports::model::{BoxError, Model, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::outbox::OnConflict;

/// A write of a row.
pub(crate) enum Enqueue<M: Model> {
    /// The whole of it, whether or not there is one.
    Row(M),
    /// That there is none.
    Delete(M::Key),
    /// Changes of some of its columns.
    Delta(M::Key, ColumnValues),
    /// The same by a read of it: of a row that is gone there is nothing to tell.
    Touch(M::Key, ColumnValues),
}

/// Makes a write durable, and lets readers see it.
pub(crate) async fn enqueue<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    write: Enqueue<M>,
) -> Result<Place> {
    let lanes = &keeper.behind.as_ref().ok_or_else(torn_down)?.lanes;
    // Before the entry is named, as it is another's transaction that it will be part of.
    let pin = lanes.backlog.ledger.pin()?;
    let (intent, touch) = prepare(keeper, write)?;
    lanes.enqueue(intent, touch, pin).await
}

/// The same as a part of a transaction: it is durable when that commits.
pub(crate) fn enqueue_within<M: Statements<D::Backend>, D: Database>(
    session: &mut Session<D>,
    keeper: &Arc<Keeper<M, D>>,
    write: Enqueue<M>,
) -> Result<()> {
    let backlog = keeper.behind.as_ref().ok_or_else(torn_down)?.lanes.backlog.clone();
    let (intent, touch) = prepare(keeper, write)?;
    session.join(Joined { backlog, intent, touch });
    Ok(())
}

/// What is kept of a write, and what it does to the entry of its row.
fn prepare<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    write: Enqueue<M>,
) -> Result<(Intent, Touch)> {
    let behind = keeper.behind.as_ref().ok_or_else(torn_down)?;
    let (kind, key, payload, entry) = match write {
        Enqueue::Row(row) => {
            let payload = ColumnValues::of_row(&row).map_err(unwritable::<M>)?;
            // What could not be read back would be parked after it was acknowledged.
            payload.row::<M>().map_err(unwritable::<M>)?;
            let key = row.key();
            (Kind::Put, key, payload, left::<M, D>(row)?.map(|row| Entry::Present(Arc::new(row))))
        }
        Enqueue::Delete(key) => {
            let payload = ColumnValues::of_key::<M>(&key).map_err(unwritable::<M>)?;
            (Kind::Delete, key, payload, None)
        }
        Enqueue::Delta(key, delta) => {
            let payload = with_key::<M>(&key, delta)?;
            (Kind::Merge, key, payload, None)
        }
        Enqueue::Touch(key, delta) => {
            let payload = with_key::<M>(&key, delta)?;
            (Kind::Touch, key, payload, None)
        }
    };
    let (stripe, aggregate) = behind.lanes.backlog.tables.aggregate(&key)?;
    let intent =
        Intent { stripe, aggregate, kind, payload: payload.to_json(), version: behind.version };
    let entry_key = keeper.tier.row_key(&key);
    let put = entry.and_then(|entry| put(keeper, &entry_key, entry));
    let (need, invalidator) = (need::<M>(), keeper.invalidator.clone());
    Ok((intent, Touch { key: entry_key, need, put, invalidator }))
}

/// A delta together with the key of its row.
fn with_key<M: Model>(key: &M::Key, mut delta: ColumnValues) -> Result<ColumnValues> {
    delta.extend(ColumnValues::of_key::<M>(key).map_err(unwritable::<M>)?);
    Ok(delta)
}

/// The row as it is once it is enqueued, if that is known before it is.
fn left<M: Statements<D::Backend>, D: Database>(mut row: M) -> Result<Option<M>> {
    let Some(rule) = M::behind().and_then(|behind| behind.conflicts) else { return Ok(Some(row)) };
    if rule.on == OnConflict::Overwrite {
        // Its version depends on that of the row which it replaces.
        return Ok(None);
    }
    let next = next_version(row.version(), None);
    (rule.set)(&mut row, next).map_err(unwritable::<M>)?;
    Ok(Some(row))
}

/// What a delta says.
pub(crate) fn payload_of<M: WriteBehind>(delta: &M::Delta) -> Result<ColumnValues> {
    delta.payload().map_err(unwritable::<M>)
}

fn unwritable<M: Model>(source: BoxError) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        format!(
            "a write of `{}` cannot be kept as JSON, so nothing was written: {source}",
            M::DESCRIPTOR.model
        ),
    )
}
