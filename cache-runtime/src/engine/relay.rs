//! The relay of a bounded table: it tells the store of every change that the outbox holds, and
//! vouches for each bucket by a watermark that ends within the bound.
//!
//! One process relays at a time, by a lease in the database; one that was taken for dead and goes on
//! does no harm. Nothing that decides is remembered from one round to the next: the database holds the
//! name of the watermark that was set last, and a store whose watermark has another name, or none,
//! was emptied or is behind, so that all of the bucket is void (anomalies 15 and 16).

use std::sync::Arc;
use std::time::Duration;

use super::outbox::{Change, Outbox, Pending, Turned};
use super::shield::Shield;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::database::Database;
use crate::ports::store::{Mark, Turn};
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// More changes of one bucket than this, and all of it is void instead.
const MOST: usize = 1000;
/// The shortest pause between two rounds.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long a relay leads without asking again: within these, as long as the bound.
const LEASE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// The relay of one table, in this process.
pub(crate) struct Relay<D> {
    pub(crate) outbox: Outbox<D>,
    pub(crate) shield: Arc<Shield>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) probe: Box<dyn Probe>,
    pub(crate) holder: Token,
    /// The declared bound, or a smaller one that another process has declared.
    pub(crate) bound: Duration,
    /// Taken off each deadline: by how much two clocks may differ.
    pub(crate) margin: Duration,
    pub(crate) state: State,
}

/// What a relay remembers, none of which decides what may be served.
#[derive(Default)]
pub(crate) struct State {
    /// Leads until it has to ask again.
    leads_until: Option<Moment>,
    /// The store's time, and this process's before and after it was asked.
    time: Option<(u64, Moment, Moment)>,
    /// The last change that was seen.
    past: i64,
    /// Whether the last round failed.
    failing: bool,
}

impl<D: Database> Relay<D> {
    /// Relays until `ended`.
    pub(crate) async fn run(mut self, mut ended: tokio::sync::oneshot::Receiver<()>) {
        loop {
            // Another process may have declared a bound that is hardly longer than the margin here.
            let pause = (self.bound.saturating_sub(self.margin) / 4).max(SHORTEST);
            tokio::select! {
                biased;
                _ = &mut ended => break,
                () = self.clock.sleep(pause) => self.attempt().await,
            }
        }
        if self.state.leads_until.is_some() {
            let _ = self.outbox.resign(self.holder).await;
        }
    }

    /// One round; what fails is tried again in the next.
    pub(crate) async fn attempt(&mut self) {
        let outcome = self.round().await;
        match &outcome {
            Err(error) if !self.state.failing => tracing::warn!(
                %error,
                "invalidations cannot be relayed: reads go to the database when the bound is over"
            ),
            Ok(()) if self.state.failing => tracing::info!("invalidations are relayed again"),
            _ => {}
        }
        if outcome.is_err() {
            self.probe.event(Event::RelayFailed);
        }
        self.state.failing = outcome.is_err();
    }

    async fn round(&mut self) -> Result<()> {
        if !self.leads().await? {
            return Ok(());
        }
        // First the time, so that no deadline outlives what it vouches for.
        let (time, steady) = self.time().await?;
        let pending = self.outbox.snapshot(self.state.past).await?;
        self.bound = pending.iter().map(|it| it.bound).fold(self.bound, Duration::min);
        let life = self.bound.saturating_sub(self.margin);
        let deadline = time.saturating_add(u64::try_from(life.as_micros()).unwrap_or(u64::MAX));
        let (beats, mut turns): (Vec<Bucket>, Vec<Bucket>) =
            buckets(pending, steady).into_iter().partition(|bucket| bucket.changes.is_empty());
        let marks: Vec<Mark> = beats.iter().map(|it| self.mark(it, None, deadline)).collect();
        let stand = self.shield.call(|store| store.mark(&marks)).await?;
        turns.extend(beats.into_iter().zip(stand).filter(|(_, stands)| !stands).map(|(it, _)| it));
        self.turn(turns, deadline).await
    }

    /// Applies the changes of these buckets, and sets their watermarks.
    async fn turn(&mut self, buckets: Vec<Bucket>, deadline: u64) -> Result<()> {
        if buckets.is_empty() {
            return Ok(());
        }
        let (mut marks, mut turned) = (Vec::new(), Vec::new());
        let mut relayed = 0;
        for bucket in buckets {
            let (name, era) = (self.tokens.token(), self.tokens.token());
            let changes: Vec<i64> = bucket.changes.iter().map(|change| change.id).collect();
            relayed += changes.len();
            self.state.past = changes.iter().copied().fold(self.state.past, i64::max);
            let entries = entries(&bucket.changes);
            marks.push(self.mark(&bucket, Some(Turn { name, era, entries }), deadline));
            turned.push(Turned { bucket: bucket.number, before: bucket.before, name, changes });
        }
        self.shield.call(|store| store.mark(&marks)).await?;
        self.outbox.settle(&turned).await?;
        self.probe.event(Event::Relayed(relayed));
        Ok(())
    }

    fn mark(&self, bucket: &Bucket, turn: Option<Turn>, deadline: u64) -> Mark {
        let (table, number, seen) = (self.outbox.table.clone(), bucket.number, bucket.seen);
        Mark { table, bucket: number, seen, turn, deadline }
    }

    async fn leads(&mut self) -> Result<bool> {
        let now = self.clock.now();
        if self.state.leads_until.is_some_and(|until| now < until) {
            return Ok(true);
        }
        let lease = self.bound.clamp(LEASE.0, LEASE.1);
        let leads = self.outbox.lead(self.holder, lease.as_millis()).await?;
        // Asked again long before another may take it.
        self.state.leads_until = leads.then(|| now + lease / 3);
        Ok(leads)
    }

    /// The store's time, and whether it has passed as this process's has.
    async fn time(&mut self) -> Result<(u64, bool)> {
        let before = self.clock.now();
        let time = self.shield.call(|store| store.time()).await?;
        let after = self.clock.now();
        let last = self.state.time.replace((time, before, after));
        let Some((last, sent, answered)) = last else { return Ok((time, true)) };
        let passed = i128::from(time) - i128::from(last);
        let between =
            |late: Moment, early: Moment| late.0.saturating_sub(early.0).as_micros() as i128;
        let margin = self.margin.as_micros() as i128;
        // Anomaly 21: by a clock that was set back, every deadline is further away than it was.
        let steady =
            passed >= between(before, answered) - margin && passed <= between(after, sent) + margin;
        Ok((time, steady || !Guard::SteadyTime.stands()))
    }
}

/// A bucket as a round finds it.
struct Bucket {
    number: u32,
    /// The name that the database remembers.
    before: String,
    /// The name that its watermark must have.
    seen: Token,
    changes: Vec<Change>,
}

/// The entries that changed; none if all of their bucket is void.
fn entries(changes: &[Change]) -> Option<Vec<EntryKey>> {
    let mut entries = Vec::new();
    for change in changes {
        entries.extend_from_slice(change.entries.as_deref()?);
    }
    (entries.len() <= MOST).then_some(entries)
}

/// The rows of a snapshot, by bucket. What the database remembers counts only if it is the same
/// database as then, and the store's time has gone on as it should: else no watermark has the name.
fn buckets(pending: Vec<Pending>, steady: bool) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for Pending { bucket, name, same_database, change, .. } in pending {
        // Anomaly 29: what the store has may be from a future that the database has lost.
        let known = steady && (same_database || !Guard::SameDatabase.stands());
        if buckets.last().is_none_or(|last| last.number != bucket) {
            let seen = u128::from_str_radix(&name, 16).ok().filter(|_| known).unwrap_or_default();
            let (before, changes) = (name, Vec::new());
            buckets.push(Bucket { number: bucket, before, seen: Token(seen), changes });
        }
        if let Some(last) = buckets.last_mut() {
            last.changes.extend(change);
        }
    }
    buckets
}
