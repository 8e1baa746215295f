//! Pending writes of models that this process does not have. Another may flush them; if nobody does, a
//! model was renamed or dropped with writes pending, and an alarm says so. They are kept all the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::control::tables;
use super::tables::STRIPES;
use crate::ports::batch::Cells;
use crate::ports::clock::Clock;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::Result;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(30);
/// How old a pending write is that nobody seems to flush.
const OLD: Duration = Duration::from_secs(60);

/// Looks for them.
pub(crate) struct Strays<D> {
    pub(crate) database: D,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) probe: Box<dyn Probe>,
    /// The tables of the models that this process flushes.
    pub(crate) known: Vec<String>,
}

impl<D: Database> Strays<D> {
    /// Looks until `ended`.
    pub(crate) async fn run(self, mut ended: oneshot::Receiver<()>) {
        loop {
            match self.look().await {
                Ok(oldest) => {
                    let age = oldest.values().max().copied().unwrap_or_default();
                    self.probe.event(Event::Stray(age));
                    for (table, age) in oldest {
                        tracing::error!(
                            table,
                            ?age,
                            "pending writes are flushed by nobody: no process has the model; see \
                             `cache-ctl outbox status`"
                        );
                    }
                }
                Err(error) => tracing::debug!(%error, "strays cannot be looked for"),
            }
            tokio::select! {
                biased;
                _ = &mut ended => return,
                () = self.clock.sleep(EVERY) => {}
            }
        }
    }

    /// For how long the oldest has been pending, by table: of those alone that are old.
    async fn look(&self) -> Result<BTreeMap<String, Duration>> {
        let (integer, now) =
            (<D::Backend as Dialect>::CAST_INTEGER, <D::Backend as Dialect>::NOW_MILLIS);
        let mut found = BTreeMap::new();
        for (id, table) in tables(&self.database).await? {
            if self.known.contains(&table) {
                continue;
            }
            // The oldest of each stripe is its first.
            let sql = format!(
                "SELECT CAST(coalesce(max({now} - o.at_ms), 0) AS {integer}) FROM \
                 cache_outbox_stripes s JOIN cache_outbox o ON o.stripe = s.stripe AND o.seq = \
                 (SELECT min(p.seq) FROM cache_outbox p WHERE p.stripe = s.stripe) WHERE s.stripe \
                 BETWEEN {} AND {}",
                id * STRIPES,
                (id + 1) * STRIPES - 1
            );
            let cells: Vec<Cells> = self.database.load(Load::rows(sql)).await?;
            let age = cells.first().and_then(|cells| cells.at(0)).unwrap_or_default();
            let age = Duration::from_millis(u64::try_from(age).unwrap_or_default());
            if age > OLD {
                found.insert(table, age);
            }
        }
        Ok(found)
    }
}
