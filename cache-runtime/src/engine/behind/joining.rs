//! Writes that are enqueued by an application's own transaction, together with all else that it does.
//!
//! The heads are locked last, when its statements are done: in the order of the models, and of the
//! stripes, so that no two transactions wait for each other, and only for as long as the COMMIT takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::group::Waiting;
use super::tables::{Head, Intent};
use crate::engine::debt::Touch;
use crate::engine::keeper::torn_down;
use crate::engine::session::Session;
use crate::ports::database::Database;
use crate::values::error::Result;

/// A write that waits for the end of its transaction.
pub(crate) struct Joined<D: Database> {
    pub(crate) backlog: Arc<Backlog<D>>,
    pub(crate) intent: Intent,
    pub(crate) touch: Touch,
}

/// Those of one model.
type OfModel<D> = (Arc<Backlog<D>>, Vec<(Intent, Touch)>);

/// Enqueues them, each model's together. The transaction commits next, or not at all.
pub(crate) async fn join<D: Database>(session: &mut Session<D>, all: Vec<Joined<D>>) -> Result<()> {
    let mut models: BTreeMap<i64, OfModel<D>> = BTreeMap::new();
    for Joined { backlog, intent, touch } in all {
        let of_model = models.entry(backlog.tables.first);
        of_model.or_insert_with(|| (backlog, Vec::new())).1.push((intent, touch));
    }
    for (backlog, writes) in models.into_values() {
        backlog.join(session, writes).await?;
    }
    Ok(())
}

impl<D: Database> Backlog<D> {
    async fn join(
        self: Arc<Self>,
        session: &mut Session<D>,
        writes: Vec<(Intent, Touch)>,
    ) -> Result<()> {
        let stripes = writes.iter().map(|(intent, _)| intent.stripe).collect();
        let heads = self.tables.lock(session, &stripes, true).await?;
        let heads: BTreeMap<i64, Head> = heads.into_iter().map(|it| (it.stripe, it)).collect();
        let (mut waiting, mut answered) = (Vec::new(), Vec::new());
        for (intent, touch) in writes {
            let (answer, answers) = oneshot::channel();
            let _ticket = self.ledger.in_flight.ticket();
            waiting.push(Waiting { intent, touch, answer, pin: None, _ticket });
            answered.push(answers);
        }
        let (waiting, full) = self.with_room(waiting, &heads);
        if !full.is_empty() {
            // Nobody waits for room with rows locked.
            return Err(self.full());
        }
        let count = waiting.len();
        let persisted = self.persist(session, waiting, &heads).await;
        let persisted = persisted.map_err(|(error, _)| error)?;
        if persisted.len() < count {
            // Those that were kept will have no answer.
            drop(persisted);
            for answers in answered {
                if let Ok(outcome) = answers.await {
                    outcome?;
                }
            }
            return Err(torn_down());
        }
        session.touch(persisted.into_iter().map(|(touch, _)| touch));
        session.later(Box::new(move || Box::pin(async move { self.work.notify_one() })));
        Ok(())
    }
}
