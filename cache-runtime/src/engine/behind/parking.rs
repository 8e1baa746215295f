//! Writes that the database refuses: found among those of their batch, and parked with their row
//! alone, so that all others flow.

use super::flusher::{Flusher, Taken, Work, is_for_good};
use crate::engine::debt::{Need, Touch};
use crate::engine::outbox::unhex;
use crate::engine::session::Session;
use crate::ports::database::Database;
use crate::ports::model::{BoxError, Statements};
use crate::ports::telemetry::Event;
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::KeyWriter;

/// A row whose writes cannot be applied.
pub(super) struct Refused {
    pub(super) aggregate: String,
    pub(super) why: String,
}

impl Refused {
    pub(super) fn for_good(aggregate: String, why: BoxError) -> Self {
        Self { aggregate, why: why.to_string() }
    }
}

impl<M: Statements<D::Backend>, D: Database> Flusher<M, D> {
    /// Writes all but those that the database refuses: a batch that fails is tried in halves.
    pub(super) async fn each(
        &self,
        session: &mut Session<D>,
        work: Vec<Work<M, D::Backend>>,
    ) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
        let mut parts = vec![&work[..]];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let mark = session.save().await?;
            let written = self.write(session, part).await;
            match written {
                Ok(()) => session.end_save(mark, true).await?,
                Err(error) if !is_for_good(&error) => return Err(error),
                Err(error) => {
                    session.end_save(mark, false).await?;
                    if let [one] = part {
                        let (aggregate, why) = (one.aggregate.clone(), error.to_string());
                        refused.push(Refused { aggregate, why });
                    } else {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                    }
                }
            }
        }
        Ok(refused)
    }

    /// Parks these rows, and takes what is parked from what was taken. Tells how many they are.
    pub(super) async fn park(
        &self,
        session: &mut Session<D>,
        mut refused: Vec<Refused>,
        taken: &mut Taken,
    ) -> Result<usize> {
        // One order for all, so that no two wait for each other's heads.
        refused.sort_by_key(|it| (self.tables.stripe(&it.aggregate), it.aggregate.clone()));
        for Refused { aggregate, why } in &refused {
            tracing::error!(
                model = M::DESCRIPTOR.model,
                %why,
                "the writes of a row cannot be applied, and are parked in `cache_parked`"
            );
            self.tables.park(session, aggregate, why).await?;
            taken.leave_out(self.tables.stripe(aggregate), aggregate);
            // Anomaly 39: what was put when it was acknowledged is not what the row becomes.
            if Guard::ParkedRemoved.stands()
                && let Some(parts) = unhex(aggregate)
            {
                let key = self.tier.row_key(&KeyWriter::after(&parts));
                let invalidator = self.invalidator.clone();
                session.touch([Touch { key, need: Need::Fence, put: None, invalidator }]);
            }
        }
        if !refused.is_empty() {
            self.probe.event(Event::Parked(refused.len()));
        }
        Ok(refused.len())
    }
}
