//! Reads that write: a row that is found tells, in a column, when it was found last. It is a delta like
//! any other, by `max`, so that the readers of all processes come together.
//!
//! The row itself says whether it is due: as long as its column is younger than the interval nothing is
//! written, in whichever process it is read. Nobody waits for it, and nothing that a caller was told
//! is lost with it.

use std::sync::Arc;

use super::write_behind::{Enqueue, enqueue};
use crate::engine::keeper::Keeper;
use crate::ports::database::Database;
use crate::ports::model::{Model, Statements};

/// How many rows of a model may be on their way: of more that are due, later reads take care.
const MOST: usize = 1024;

/// Touches those of the rows that are due.
pub(crate) fn touch_on_read<'a, M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    found: impl IntoIterator<Item = &'a Arc<M>>,
) {
    let Some(queued) = &keeper.behind else { return };
    let Some(touch) = M::behind().and_then(|behind| behind.touch) else { return };
    let now = keeper.rows.clock.wall();
    for row in found {
        let delta = match touch(row, now) {
            Ok(Some(delta)) => delta,
            Ok(None) => continue,
            Err(error) => {
                untouched::<M>(&error);
                continue;
            }
        };
        let key = row.key();
        let Ok((_, name)) = queued.lanes.backlog.tables.aggregate(&key) else { continue };
        let mut touching = queued.touching.lock();
        if touching.len() >= MOST || !touching.insert(name.clone()) {
            continue;
        }
        drop(touching);
        let under_way = UnderWay { keeper: keeper.clone(), name };
        tokio::spawn(async move {
            let write = Enqueue::Touch(key, delta);
            if let Err(error) = enqueue(&under_way.keeper, write).await {
                untouched::<M>(&error);
            }
        });
    }
}

/// A row that is being touched. Dropped, in whatever way, it can be touched again.
struct UnderWay<M: Model, D: Database> {
    keeper: Arc<Keeper<M, D>>,
    name: String,
}

impl<M: Model, D: Database> Drop for UnderWay<M, D> {
    fn drop(&mut self) {
        if let Some(queued) = &self.keeper.behind {
            queued.touching.lock().remove(&self.name);
        }
    }
}

fn untouched<M: Model>(error: &dyn std::fmt::Display) {
    tracing::debug!(%error, model = M::DESCRIPTOR.model, "a read could not tell its row of it");
}
