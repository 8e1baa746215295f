//! Writes that the database refuses: found among those of their batch, and parked with their row
//! alone, so that all others flow.

use super::flusher::{Flusher, Taken, Work};
use super::refusals::{is_about_others, is_for_good};
use crate::engine::debt::{Need, Touch};
use crate::engine::outbox::unhex;
use crate::engine::session::Session;
use crate::ports::database::{Database, Dialect};
use crate::ports::model::{BoxError, Model, Statements};
use crate::ports::telemetry::Event;
use crate::values::error::{Error, Result};
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

    fn by<M: Model, DB: Dialect>(work: &Work<M, DB>, error: &Error) -> Self {
        Self { aggregate: work.name(), why: error.to_string() }
    }
}

impl<M: Statements<D::Backend>, D: Database> Flusher<M, D> {
    /// Writes all but those that the database refuses: a batch that fails is tried in halves. What may
    /// be fine when others are written is left in the outbox.
    pub(super) async fn each(
        &self,
        session: &mut Session<D>,
        work: Vec<Work<M, D::Backend>>,
        taken: &mut Taken,
    ) -> Result<Vec<Refused>> {
        let (mut refused, mut stuck) = (Vec::new(), Vec::new());
        let mut parts = vec![&work[..]];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let Some(error) = self.try_to_write(session, part).await? else { continue };
            if part.len() > 1 {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            } else if is_about_others(&error) {
                stuck.push(part);
            } else {
                refused.extend(part.iter().map(|one| Refused::by(one, &error)));
            }
        }
        // What is written frees others, which may come before it in this order.
        loop {
            let mut still = Vec::new();
            for part in &stuck {
                if self.try_to_write(session, part).await?.is_some() {
                    still.push(*part);
                }
            }
            let done = still.is_empty() || still.len() == stuck.len();
            stuck = still;
            if done {
                break;
            }
        }
        let names: Vec<String> = stuck.iter().flat_map(|it| *it).map(Work::name).collect();
        for (part, name) in stuck.into_iter().zip(&names) {
            if self.waits(session, name, &names).await? {
                taken.leave(self.tables.stripe(name), name);
            } else if let Some(error) = self.try_to_write(session, part).await? {
                // What it waited for may have been written since it was tried: not so.
                refused.extend(part.iter().map(|one| Refused::by(one, &error)));
            }
        }
        Ok(refused)
    }

    /// Writes these in a savepoint. Gives the database's refusal, if it refuses for good.
    async fn try_to_write(
        &self,
        session: &mut Session<D>,
        part: &[Work<M, D::Backend>],
    ) -> Result<Option<Error>> {
        let mark = session.save().await?;
        match self.write(session, part).await {
            Ok(()) => session.end_save(mark, true).await.map(|()| None),
            Err(error) if !is_for_good(&error) => Err(error),
            Err(error) => session.end_save(mark, false).await.map(|()| Some(error)),
        }
    }

    /// Parks these rows, and takes what is parked from what was taken. Tells how many rows and writes
    /// they are.
    pub(super) async fn park(
        &self,
        session: &mut Session<D>,
        mut refused: Vec<Refused>,
        taken: &mut Taken,
    ) -> Result<(usize, usize)> {
        let mut writes = 0;
        // One order for all, so that no two wait for each other's heads.
        refused.sort_by_key(|it| (self.tables.stripe(&it.aggregate), it.aggregate.clone()));
        for Refused { aggregate, why } in &refused {
            tracing::error!(
                model = M::DESCRIPTOR.model,
                %why,
                "the writes of a row cannot be applied, and are parked in `cache_parked`"
            );
            self.tables.park(session, aggregate, why).await?;
            writes += taken.leave_out(self.tables.stripe(aggregate), aggregate);
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
        Ok((refused.len(), writes))
    }
}
