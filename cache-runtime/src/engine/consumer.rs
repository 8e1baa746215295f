//! The consumer of a source of domain events: reads, removes what the events concern, and only then
//! acknowledges. Whoever dies on the way leaves the events to another, who removes it once more.
//!
//! An event may run ahead of what it tells of (anomaly 4): a reader who misses after the removal
//! would fill what the database still says. So a fence stands for as long as the source says that this may
//! last, and when it is over all is removed again, by what the database says then.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::debt::{Debt, Ledger, Need, try_remove};
use super::outbox;
use super::routes::{Concerned, Removals, Routes, Target};
use super::switch::Switch;
use crate::ports::clock::Clock;
use crate::ports::database::Database;
use crate::ports::event_source::{Batch, DomainEvent, EventSource, SetAside, Why};
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::{ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::EntryKey;

/// How many batches may be under way at once, as each waits until it cannot be ahead any longer.
const UNDER_WAY: usize = 16;
/// How many events that were applied are remembered by their names.
const REMEMBERED: usize = 10_000;
/// How often the database may refuse to say what events are about, before they are about everything.
const PATIENCE: u32 = 3;
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(5);

/// What a consumer has done so far.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) applied: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) parked: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// The consumer of one source, in this process.
pub(crate) struct Consumer<D: Database> {
    pub(crate) source: Arc<dyn EventSource>,
    pub(crate) routes: Routes,
    pub(crate) ledger: Arc<Ledger<D>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) probe: Box<dyn Probe>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) switch: Switch,
    /// Between two reads, where there was nothing.
    pub(crate) pause: Duration,
    /// How far an event may run ahead of what it tells of.
    pub(crate) ahead: Duration,
    pub(crate) recent: Mutex<Recent>,
}

/// What is to be done about one batch.
#[derive(Default)]
struct Work {
    concerned: Vec<(Arc<dyn Target>, Vec<Concerned>)>,
    /// How many events each of these is about.
    counts: Vec<usize>,
    /// The positions to acknowledge.
    done: Vec<String>,
    applied: usize,
    names: Vec<Name>,
    aside: Vec<SetAside>,
    gap: bool,
}

impl<D: Database> Consumer<D> {
    /// Goes on until the cache is shut down, or gone.
    pub(crate) async fn run(self: Arc<Self>, mut gone: oneshot::Receiver<()>) {
        let mut under_way = JoinSet::new();
        let mut failing = false;
        while !self.switch.is_closed() {
            tokio::select! {
                biased;
                // Nobody is left to be right for: what is under way is another's to apply.
                _ = &mut gone => {
                    under_way.shutdown().await;
                    break;
                }
                () = self.step(&mut under_way, &mut failing) => {}
            }
        }
        under_way.join_all().await;
        let _ = self.source.leave().await;
    }

    async fn step(self: &Arc<Self>, under_way: &mut JoinSet<()>, failing: &mut bool) {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= UNDER_WAY {
            under_way.join_next().await;
            return;
        }
        match self.source.read().await {
            Ok(batch) if batch.events.is_empty() && batch.gap.is_none() => {
                self.clock.sleep(self.pause).await;
            }
            Ok(batch) => {
                if std::mem::take(failing) {
                    tracing::info!(source = self.source.name(), "events are read again");
                }
                // Until a gap is closed each read tells of it again.
                match batch.gap.is_some() {
                    true => self.work(batch).await,
                    false => drop(under_way.spawn(self.clone().finish(batch))),
                }
            }
            Err(error) => {
                if !std::mem::replace(failing, true) {
                    tracing::warn!(%error, source = self.source.name(), "no events can be read");
                }
                self.failed();
                self.clock.sleep((self.pause * 10).min(LONGEST)).await;
            }
        }
    }

    async fn finish(self: Arc<Self>, batch: Batch) {
        self.work(batch).await;
    }

    /// Applies a batch, however often it takes. What others redeliver meanwhile does no harm.
    async fn work(&self, batch: Batch) {
        let _ticket = self.ledger.in_flight.ticket();
        let work = self.sort(batch);
        let (mut pause, mut failed) = (self.pause, 0);
        while let Err(error) = self.attempt(&work, failed).await {
            failed += 1;
            tracing::warn!(%error, source = self.source.name(), "events are applied again later");
            self.failed();
            if self.switch.is_closed() {
                return;
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
        self.tell(work);
    }

    async fn attempt(&self, work: &Work, failed: u32) -> Result<()> {
        if !Guard::AcknowledgeLast.stands() {
            self.source.acknowledge(&work.done).await?;
        }
        self.apply(work, failed).await?;
        if work.gap {
            self.source.close_gap().await?;
        }
        if !work.aside.is_empty() {
            self.source.keep(&work.aside).await?;
        }
        if !work.done.is_empty() {
            self.source.acknowledge(&work.done).await?;
        }
        Ok(())
    }

    async fn apply(&self, work: &Work, failed: u32) -> Result<()> {
        if work.concerned.is_empty() {
            return Ok(());
        }
        let removals = self.removals(work, failed).await?;
        if self.ahead.is_zero() {
            return self.remove(removals).await;
        }
        if Guard::OutrunFence.stands() {
            let Removals { mut touches, later } = removals;
            self.owe(&touches).await?;
            touches.iter_mut().for_each(|touch| touch.need = Need::Fence);
            let mut debt = Debt::new(self.ledger.clone(), touches);
            debt.fence().await?;
            for later in later {
                later().await;
            }
            debt.keep_up(self.clock.sleep(self.ahead)).await;
            debt.settle().await?;
        } else {
            self.remove(removals).await?;
            self.clock.sleep(self.ahead).await;
        }
        match Guard::OutrunAgain.stands() {
            true => self.remove(self.removals(work, failed).await?).await,
            false => Ok(()),
        }
    }

    /// What is to be removed, by what the database says now. A key that it takes for none, each time,
    /// must not hold up the events beside it.
    async fn removals(&self, work: &Work, failed: u32) -> Result<Removals> {
        let mut all = Removals::default();
        for (target, concerned) in &work.concerned {
            let Removals { touches, later } = match target.removals(concerned).await {
                Err(error) if failed >= PATIENCE && error.kind() == ErrorKind::Database => {
                    tracing::warn!(%error, model = target.model(), "its table is void instead");
                    target.removals(&[Concerned::Table]).await?
                }
                found => found?,
            };
            all.touches.extend(touches);
            all.later.extend(later);
        }
        Ok(all)
    }

    /// Fails where the store has not heard of it: the events are then not acknowledged.
    async fn remove(&self, removals: Removals) -> Result<()> {
        self.owe(&removals.touches).await?;
        try_remove(&removals.touches).await?;
        for later in removals.later {
            later().await;
        }
        Ok(())
    }

    /// Bounded, it is in the outbox first.
    async fn owe(&self, touches: &[super::debt::Touch]) -> Result<()> {
        let keys: Vec<EntryKey> = touches.iter().map(|touch| touch.key.clone()).collect();
        outbox::owe(&self.ledger.database, &keys).await
    }

    /// What each event of a batch asks for.
    fn sort(&self, batch: Batch) -> Work {
        let mut work = Work::default();
        if let Some(lag) = batch.events.iter().map(|event| event.age).max() {
            self.probe.event(Event::EventLag(lag));
        }
        if let Some(why) = &batch.gap {
            tracing::warn!(
                why,
                source = self.source.name(),
                "events were lost; their tables are void"
            );
            work.gap = true;
            if Guard::VoidGap.stands() {
                self.routes.all().into_iter().for_each(|target| work.void(target));
            }
        }
        for event in batch.events {
            self.sort_one(event, &mut work);
        }
        work
    }

    fn sort_one(&self, event: DomainEvent, work: &mut Work) {
        let name = Name::of(&event);
        if name.as_ref().is_some_and(|name| self.recent.lock().known.contains(name)) {
            self.progress.repeated.fetch_add(1, Ordering::Relaxed);
            self.probe.event(Event::EventsRepeated(1));
            work.done.push(event.position);
            return;
        }
        let targets: Vec<_> = match event.kind.is_empty() {
            // Nobody knows what it was about.
            true => self.routes.all(),
            false => self.routes.of(&event.kind).collect(),
        };
        let mut errors = Vec::new();
        for target in &targets {
            // A panic of the application's would come again with each delivery.
            let concerned = catch_unwind(AssertUnwindSafe(|| target.concerned(&event)));
            match concerned.unwrap_or_else(|_| Err("whoever looked for its keys panicked".into())) {
                Ok(concerned) if !event.kind.is_empty() => work.add(target, concerned),
                Ok(_) => errors.push("it does not say of what kind it is".to_owned()),
                Err(error) => errors.push(error.to_string()),
            }
            if !errors.is_empty() && Guard::VoidParked.stands() {
                work.void(target);
            }
        }
        let aside = match (targets.is_empty(), errors.pop()) {
            (true, _) => Some((Why::Unknown, format!("no model takes `{}`", event.kind))),
            (false, Some(error)) => Some((Why::Poison, error)),
            (false, None) => None,
        };
        match aside {
            Some((why, error)) => work.aside.push(SetAside { event, why, error }),
            None => {
                work.applied += 1;
                work.names.extend(name);
                work.done.push(event.position);
            }
        }
    }

    /// Counts what was done.
    fn tell(&self, work: Work) {
        let count = |counter: &AtomicU64, count: usize| {
            counter.fetch_add(count as u64, Ordering::Relaxed);
            count
        };
        if work.gap {
            count(&self.progress.gaps, 1);
            self.probe.event(Event::EventGap);
        }
        for ((target, _), count) in work.concerned.iter().zip(&work.counts) {
            if *count > 0 {
                target.event(Event::EventsApplied(*count));
            }
        }
        let unknown = work.aside.iter().filter(|aside| aside.why == Why::Unknown).count();
        let parked = work.aside.len() - unknown;
        for aside in &work.aside {
            let SetAside { event, error, .. } = aside;
            tracing::warn!(
                source = self.source.name(),
                position = event.position,
                kind = event.kind,
                error,
                "an event was set aside"
            );
        }
        if count(&self.progress.unknown, unknown) > 0 {
            self.probe.event(Event::EventsUnknown(unknown));
        }
        if count(&self.progress.parked, parked) > 0 {
            self.probe.event(Event::EventsParked(parked));
        }
        count(&self.progress.applied, work.applied);
        self.recent.lock().remember(work.names);
    }

    fn failed(&self) {
        self.progress.failures.fetch_add(1, Ordering::Relaxed);
        self.probe.event(Event::EventsFailed);
    }
}

impl Work {
    fn add(&mut self, target: &Arc<dyn Target>, concerned: Concerned) {
        let at = self.of(target);
        self.concerned[at].1.push(concerned);
        self.counts[at] += 1;
    }

    fn void(&mut self, target: &Arc<dyn Target>) {
        let at = self.of(target);
        self.concerned[at].1.push(Concerned::Table);
    }

    fn of(&mut self, target: &Arc<dyn Target>) -> usize {
        let known = self.concerned.iter().position(|(known, _)| Arc::ptr_eq(known, target));
        known.unwrap_or_else(|| {
            self.concerned.push((target.clone(), Vec::new()));
            self.counts.push(0);
            self.concerned.len() - 1
        })
    }
}

/// What tells an event from others: the name that its sender gave it, with the version if it has one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Name(String, Option<String>);

impl Name {
    fn of(event: &DomainEvent) -> Option<Self> {
        event.id.clone().map(|id| Self(id, event.version.clone()))
    }
}

/// The events that this process has applied last. Applied again they would do no harm, but keep
/// their rows out of the cache once more.
#[derive(Default)]
pub(crate) struct Recent {
    known: HashSet<Name>,
    order: VecDeque<Name>,
}

impl Recent {
    fn remember(&mut self, names: Vec<Name>) {
        for name in names {
            if self.known.insert(name.clone()) {
                self.order.push_back(name);
            }
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }
}
