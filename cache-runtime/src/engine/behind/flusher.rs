//! The way of pending writes into their rows: taken, folded, written in batches, and removed from the
//! outbox in the same transaction, so that each takes effect once.
//!
//! All flushers of all processes share the work: each claims stripes that nobody else has. Nothing
//! here writes the cache: what it holds is what the row becomes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use super::fold::{Writes, by_row};
use super::parking::Refused;
use super::refusals::{Waiting, is_for_good};
use super::tables::Tables;
use crate::engine::debt::Ledger;
use crate::engine::invalidator::Invalidator;
use crate::engine::keeper::torn_down;
use crate::engine::session::Session;
use crate::engine::tier::Tier;
use crate::ports::BoxFuture;
use crate::ports::batch::{PREPARED, Pending};
use crate::ports::behind::{Behind, RowValues};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{BoxError, Model, Statements};
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::Result;
use crate::values::guard::Guard;

/// How many stripes one transaction flushes, and how many writes of each.
const STRIPES_AT_ONCE: usize = 8;
const WRITES_AT_ONCE: usize = 250;
/// How often it is looked whether other processes have enqueued something, and how things stand.
const IDLE: Duration = Duration::from_millis(250);
/// The longest pause after failures.
const LONGEST: Duration = Duration::from_secs(5);

/// Flushes the writes of one model, in this process.
pub(crate) struct Flusher<M: Model, D: Database> {
    pub(crate) ledger: Arc<Ledger<D>>,
    pub(crate) tier: Arc<Tier>,
    pub(crate) invalidator: Arc<Invalidator>,
    pub(crate) tables: Arc<Tables<D>>,
    pub(crate) behind: Behind<D::Backend, M>,
    pub(crate) probe: Box<dyn Probe>,
    pub(crate) work: Arc<Notify>,
    pub(crate) oldest_millis: Arc<AtomicU64>,
    pub(crate) state: State,
}

/// What a flusher remembers, none of which decides what is applied.
#[derive(Default)]
pub(crate) struct State {
    paused: AtomicBool,
    /// Held by whoever flushes.
    turn: Mutex<()>,
    /// The stripe to begin with.
    start: AtomicI64,
    pub(super) waiting: Waiting,
}

/// A flusher, whatever its model.
pub(crate) trait Flushes: Send + Sync {
    /// Flushes until nothing is pending that this process can flush. Tells how much is pending then.
    fn drain(&self) -> BoxFuture<'_, Result<u64>>;

    /// Flushes no more until told otherwise. No flush is under way when this returns.
    fn pause(&self) -> BoxFuture<'_, ()>;

    /// Goes on.
    fn resume(&self);
}

impl<M: Statements<D::Backend>, D: Database> Flushes for Flusher<M, D> {
    fn drain(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async {
            let turn = self.state.turn.lock().await;
            while !self.is_paused() && self.round().await? > 0 {}
            drop(turn);
            Ok(self.tables.gauge().await?.0)
        })
    }

    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.state.paused.store(true, Ordering::SeqCst);
            // Whoever has it ends with the transaction that is under way.
            drop(self.state.turn.lock().await);
        })
    }

    fn resume(&self) {
        self.state.paused.store(false, Ordering::SeqCst);
        self.work.notify_one();
    }
}

/// What a flush has taken from the outbox.
#[derive(Default)]
pub(crate) struct Taken {
    /// The last number of each stripe, and how many writes there are up to it.
    pub(super) stripes: BTreeMap<i64, (i64, usize)>,
    /// How many of them are of each row.
    rows: HashMap<String, usize>,
    /// The rows whose writes stay in the outbox, by stripe.
    pub(super) left: BTreeMap<i64, Vec<String>>,
}

impl Taken {
    fn add(&mut self, stripe: i64, write: &Pending) {
        let (last, count) = self.stripes.entry(stripe).or_default();
        (*last, *count) = (write.seq.max(*last), *count + 1);
        *self.rows.entry(write.aggregate.clone()).or_default() += 1;
    }

    /// The writes of a row are removed by other means. Tells how many they are.
    pub(super) fn leave_out(&mut self, stripe: i64, aggregate: &str) -> usize {
        let writes = self.rows.remove(aggregate).unwrap_or_default();
        if let Some((_, count)) = self.stripes.get_mut(&stripe) {
            *count = count.saturating_sub(writes);
        }
        writes
    }

    /// The writes of a row stay where they are.
    pub(super) fn leave(&mut self, stripe: i64, aggregate: &str) {
        self.leave_out(stripe, aggregate);
        self.left.entry(stripe).or_default().push(aggregate.to_owned());
    }
}

/// What a row becomes.
pub(super) struct Work<M: Model, DB: Dialect> {
    pub(super) aggregate: String,
    pub(super) key: M::Key,
    /// Its values; none if it is deleted.
    pub(super) values: Option<RowValues<DB>>,
    /// Whether there is a row, where that was looked at.
    pub(super) there: bool,
}

impl<M: Model, DB: Dialect> Work<M, DB> {
    pub(super) fn name(&self) -> String {
        self.aggregate.clone()
    }
}

/// What the writes make of their rows.
struct Folded<M: Model, DB: Dialect> {
    work: Vec<Work<M, DB>>,
    /// Those that cannot be read or applied.
    refused: Vec<Refused>,
    /// How many of a row's writes have replaced what they had not seen.
    conflicts: Vec<(String, usize)>,
}

impl<M: Statements<D::Backend>, D: Database> Flusher<M, D> {
    /// Flushes until `ended`.
    pub(crate) async fn run(self: Arc<Self>, mut ended: tokio::sync::oneshot::Receiver<()>) {
        let clock = self.ledger.fences.clock.clone();
        let mut pause = IDLE;
        let mut failing = false;
        loop {
            tokio::select! {
                biased;
                _ = &mut ended => return,
                () = self.work.notified(), if !failing => {}
                () = clock.sleep(pause) => {}
            }
            // On a task of its own: what panics there is tried again, as what fails is.
            let this = self.clone();
            let outcome = tokio::spawn(async move { this.turn().await }).await;
            let outcome = outcome.unwrap_or_else(|panic| Err(torn_down().with_source(panic)));
            match &outcome {
                Err(error) if !failing => tracing::warn!(
                    %error,
                    model = M::DESCRIPTOR.model,
                    "pending writes cannot be flushed; they are kept, and tried again"
                ),
                Ok(()) if failing => {
                    tracing::info!(model = M::DESCRIPTOR.model, "pending writes are flushed again")
                }
                _ => {}
            }
            failing = outcome.is_err();
            pause = if failing { (pause * 2).min(LONGEST) } else { IDLE };
        }
    }

    /// All that there is to do now.
    async fn turn(&self) -> Result<()> {
        let _turn = self.state.turn.lock().await;
        if self.is_paused() {
            return Ok(());
        }
        if self.tables.is_idle().await? {
            self.oldest_millis.store(0, Ordering::Relaxed);
            self.state.waiting.lock().clear();
            return Ok(());
        }
        self.look().await?;
        while !self.is_paused() && self.round().await? > 0 {}
        self.look().await
    }

    fn is_paused(&self) -> bool {
        self.state.paused.load(Ordering::SeqCst)
    }

    /// How much is pending, and for how long.
    async fn look(&self) -> Result<()> {
        let (pending, age) = self.tables.gauge().await?;
        self.oldest_millis.store(age, Ordering::Relaxed);
        self.probe.event(Event::Backlog { pending, oldest: Duration::from_millis(age) });
        Ok(())
    }

    /// One transaction. Tells how many writes it removed from the outbox.
    async fn round(&self) -> Result<usize> {
        match self.attempt(false).await {
            // Some row is refused: which one is found out with savepoints.
            Err(error) if is_for_good(&error) => self.attempt(true).await,
            outcome => outcome,
        }
    }

    async fn attempt(&self, carefully: bool) -> Result<usize> {
        let mut session = Session::begin(&self.ledger).await?;
        match self.within(&mut session, carefully).await {
            Ok(0) => {
                session.rollback().await;
                Ok(0)
            }
            Ok(writes) => session.conclude().await.map(|()| writes),
            Err(error) => {
                session.rollback().await;
                Err(error)
            }
        }
    }

    async fn within(&self, session: &mut Session<D>, carefully: bool) -> Result<usize> {
        let pending = self.take(session).await?;
        if pending.is_empty() {
            return Ok(0);
        }
        let now = <D::Backend as Dialect>::CONSTRAINTS_NOW;
        if carefully && !now.is_empty() {
            // What is refused by the COMMIT alone could not be told from all others.
            session.load(Load::<_, String>::run(now)).await?;
        }
        let mut taken = Taken::default();
        for write in &pending {
            taken.add(self.tables.stripe(&write.aggregate), write);
        }
        let Folded { work, mut refused, conflicts } = self.fold(session, by_row(pending)).await?;
        let rows = work.len();
        if carefully {
            refused.extend(self.each(session, work, &mut taken).await?);
        } else {
            self.write(session, &work).await?;
        }
        let left: usize = taken.left.values().map(Vec::len).sum();
        // What stays in the outbox, or is parked, has replaced nothing.
        let is_written = |name: &String| {
            !taken.left.values().flatten().any(|it| it == name)
                && !refused.iter().any(|it| it.aggregate == *name)
        };
        let conflicts = conflicts.iter().filter(|(name, _)| is_written(name));
        let conflicts: usize = conflicts.map(|(_, seen)| seen).sum();
        let (parked, moved) = self.park(session, refused, &mut taken).await?;
        let removed: usize = taken.stripes.values().map(|(_, count)| count).sum();
        if removed == 0 && parked == 0 {
            return Ok(0);
        }
        // Anomaly 36: what is removed later than it is applied is applied again after a crash.
        if Guard::RemovedWithRows.stands() {
            self.tables.remove(session, &taken).await?;
        }
        if conflicts > 0 {
            tracing::warn!(
                model = M::DESCRIPTOR.model,
                conflicts,
                "writes have replaced what others wrote and they had not seen"
            );
            self.probe.event(Event::Conflicts(conflicts));
        }
        let rows = rows.saturating_sub(left);
        self.probe.event(Event::Flushed { writes: removed, rows });
        Ok(removed + moved)
    }

    /// The oldest writes of some stripes that nobody else flushes.
    async fn take(&self, session: &mut Session<D>) -> Result<Vec<Pending>> {
        let start = self.state.start.load(Ordering::Relaxed);
        let all: Vec<i64> = self.tables.stripes_from(start).collect();
        for some in all.chunks(STRIPES_AT_ONCE) {
            self.state.start.fetch_add(some.len() as i64, Ordering::Relaxed);
            let free = self.tables.claim(session, &some.iter().copied().collect()).await?;
            if free.is_empty() {
                continue;
            }
            let pending = self.tables.take(session, &free, WRITES_AT_ONCE).await?;
            if !pending.is_empty() {
                return Ok(pending);
            }
        }
        Ok(Vec::new())
    }

    /// What the writes make of their rows.
    async fn fold(
        &self,
        session: &mut Session<D>,
        all: Vec<Writes>,
    ) -> Result<Folded<M, D::Backend>> {
        let (mut refused, mut keyed, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
        for writes in all {
            match unless_it_panics(|| writes.key(&self.behind)) {
                Ok(key) => keyed.push((key, writes)),
                Err(why) => refused.push(Refused::for_good(writes.aggregate, why)),
            }
        }
        // Locked, so that nobody changes between the sum and its write what it is summed from.
        let upserts = <D::Backend as Dialect>::UPSERTS_BY_KEY;
        let looked = keyed.iter().filter(|(_, writes)| !upserts || writes.needs_row(&self.behind));
        let looked: Vec<M::Key> = looked.map(|(key, _)| key.clone()).collect();
        let rows = self.rows(session, looked).await?;
        let mut rows: HashMap<M::Key, M> = rows.into_iter().map(|row| (row.key(), row)).collect();
        let mut work = Vec::with_capacity(keyed.len());
        for (key, writes) in keyed {
            let row = rows.remove(&key);
            let there = row.is_some();
            match unless_it_panics(|| writes.fold(&self.behind, row)) {
                Ok((row, seen)) => {
                    if seen > 0 {
                        conflicts.push((writes.aggregate.clone(), seen));
                    }
                    let values = row.map(self.behind.values);
                    work.push(Work { aggregate: writes.aggregate, key, values, there });
                }
                Err(why) => refused.push(Refused::for_good(writes.aggregate, why)),
            }
        }
        Ok(Folded { work, refused, conflicts })
    }

    async fn rows(&self, session: &mut Session<D>, keys: Vec<M::Key>) -> Result<Vec<M>> {
        let most = <D::Backend as Dialect>::MAX_BINDS / M::DESCRIPTOR.key.len().max(1);
        let mut rows = Vec::with_capacity(keys.len());
        for some in keys.chunks(most.max(1)) {
            rows.extend(session.load(Load::select(M::among(some.to_vec())).locking()).await?);
        }
        Ok(rows)
    }

    /// Writes all of these, in as few statements as the database allows.
    pub(super) async fn write(
        &self,
        session: &mut Session<D>,
        work: &[Work<M, D::Backend>],
    ) -> Result<()> {
        let width = M::DESCRIPTOR.columns.len() + M::DESCRIPTOR.key.len();
        // An UPDATE of many rows names each key once for every column.
        let width = if <D::Backend as Dialect>::UPSERTS_BY_KEY { width } else { width * width };
        let most = (<D::Backend as Dialect>::MAX_BINDS / width.max(1)).clamp(1, PREPARED);
        for some in work.chunks(most) {
            for load in statements::<M, D>(some, self.behind.conflicts.is_some()) {
                session.load(load).await?;
            }
        }
        Ok(())
    }
}

/// `seen`: whether each row was looked at, so that one that has come since is no less a conflict.
fn statements<M: Statements<D::Backend>, D: Database>(
    work: &[Work<M, D::Backend>],
    seen: bool,
) -> Vec<Load<D::Backend, M>> {
    let upserts = <D::Backend as Dialect>::UPSERTS_BY_KEY;
    let (mut gone, mut new, mut saved) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut changed) = (Vec::new(), Vec::new());
    for it in work {
        match &it.values {
            None => gone.push(it.key.clone()),
            Some(values) if it.there && !upserts => {
                keys.push(it.key.clone());
                changed.push(values.clone());
            }
            Some(values) if upserts && (it.there || !seen) => saved.push(values.clone()),
            Some(values) => new.push(values.clone()),
        }
    }
    let mut statements = Vec::new();
    if !gone.is_empty() {
        statements.push(Load::delete_all(gone));
    }
    if !new.is_empty() {
        statements.push(Load::insert_all(new));
    }
    if !saved.is_empty() {
        statements.push(Load::upsert_all(saved));
    }
    if !changed.is_empty() {
        statements.push(Load::update_all(keys, changed));
    }
    statements
}

/// An application's own code reads what is pending: a row at which it panics must not stop the others.
fn unless_it_panics<T>(read: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("it cannot be read: that panicked".into()))
}
