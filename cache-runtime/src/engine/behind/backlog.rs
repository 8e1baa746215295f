//! The way into an outbox: concurrent callers share one transaction, with no artificial delay.
//!
//! Whoever comes while a group is being committed waits, and goes with the next: the busier, the
//! larger the groups. There are a few *lanes*, each with stripes of its own, so that one group is put
//! together while another is committed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::conflicts::Compares;
use super::group::{Waiting, refuse};
use super::tables::{Intent, Place, Tables};
use crate::engine::debt::{Ledger, Touch};
use crate::engine::keeper::torn_down;
use crate::engine::view::Pin;
use crate::ports::database::Database;
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::Result;
use crate::values::outbox::Outbox;

/// How many groups may be under way.
const LANES: usize = 2;
/// How many writes may wait in a lane: more wait outside, so that the memory is bounded.
const QUEUE: usize = 4096;
/// The largest group, in writes and in bytes of their payloads.
const MOST: (usize, usize) = (1024, 1 << 20);
/// How often a group is tried that the database sacrifices to others.
const TRIES: usize = 5;
/// The pause before it is looked again whether there is room.
const PAUSE: Duration = Duration::from_millis(20);

/// The outbox of one model, as writers see it.
pub(crate) struct Backlog<D: Database> {
    pub(crate) ledger: Arc<Ledger<D>>,
    pub(crate) tables: Arc<Tables<D>>,
    pub(super) model: &'static str,
    pub(super) behind: Outbox,
    /// How old the oldest pending write was when it was last looked, in milliseconds.
    pub(crate) oldest_millis: Arc<AtomicU64>,
    /// Tells the flusher that there is something to do.
    pub(crate) work: Arc<Notify>,
    /// Compares writes with their rows, where the model says so.
    pub(super) compares: Option<Arc<dyn Compares<D>>>,
    probe: Box<dyn Probe>,
}

/// The lanes' ends; gone, they end.
pub(crate) struct Lanes<D: Database> {
    lanes: Vec<mpsc::Sender<Waiting>>,
    pub(crate) backlog: Arc<Backlog<D>>,
}

impl<D: Database> Lanes<D> {
    pub(crate) fn start(
        ledger: Arc<Ledger<D>>,
        tables: Arc<Tables<D>>,
        model: &'static str,
        behind: Outbox,
        compares: Option<Arc<dyn Compares<D>>>,
        probe: Box<dyn Probe>,
    ) -> Self {
        let (oldest_millis, work) = (Arc::default(), Arc::default());
        let backlog = Arc::new(Backlog {
            ledger,
            tables,
            model,
            behind,
            oldest_millis,
            work,
            compares,
            probe,
        });
        let lane = |_| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(run(backlog.clone(), receiver));
            sender
        };
        Self { lanes: (0..LANES).map(lane).collect(), backlog }
    }

    /// Enqueues a write; it is durable when this returns.
    pub(crate) async fn enqueue(
        &self,
        intent: Intent,
        touch: Touch,
        pin: Option<Arc<Pin>>,
    ) -> Result<Place> {
        let ledger = &self.backlog.ledger;
        let begun = ledger.fences.clock.now();
        let (answer, answered) = oneshot::channel();
        let lane = usize::try_from(intent.stripe).unwrap_or_default() % LANES;
        let lane = self.lanes.get(lane).ok_or_else(torn_down)?;
        let _ticket = ledger.in_flight.ticket();
        let waiting = Waiting { intent, touch, answer, pin, _ticket };
        lane.send(waiting).await.map_err(|_| torn_down())?;
        let place = answered.await.map_err(|_| torn_down())??;
        let took = ledger.fences.clock.now().since(begun);
        self.backlog.probe.event(Event::Enqueued(took));
        Ok(place)
    }
}

/// Puts groups together until nobody can enqueue any more.
async fn run<D: Database>(backlog: Arc<Backlog<D>>, mut receiver: mpsc::Receiver<Waiting>) {
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let (mut patient, mut tries) = (false, 0);
    loop {
        if waiting.is_empty() {
            match receiver.recv().await {
                Some(write) => waiting.push_back(write),
                None => return,
            }
        }
        while waiting.len() < MOST.0
            && let Ok(write) = receiver.try_recv()
        {
            waiting.push_back(write);
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < MOST.0
            && bytes < MOST.1
            && let Some(write) = waiting.pop_front()
        {
            bytes += write.intent.payload.len();
            group.push(write);
        }
        let count = group.len();
        // On a task of its own: whatever panics there takes its group with it, and not the lane.
        let this = backlog.clone();
        let outcome = tokio::spawn(async move { this.group(group, patient).await }).await;
        let Ok(outcome) = outcome else { continue };
        // Nothing could be locked: the others' groups are waited for.
        patient = outcome.left.len() == count;
        tries = if outcome.collided.is_some() { tries + 1 } else { 0 };
        match outcome.collided {
            Some(error) if tries == TRIES => refuse(outcome.left, &error),
            _ => outcome.left.into_iter().rev().for_each(|write| waiting.push_front(write)),
        }
        if outcome.full || tries > 0 {
            backlog.ledger.fences.clock.sleep(PAUSE).await;
        }
    }
}
