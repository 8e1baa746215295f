//! Invalidations that are never a failed write and never forgotten.
//!
//! A write has committed; if the store cannot be told now, it is told as soon
//! as it answers. Until then this process reads those rows from the database.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::in_flight::{InFlight, Ticket};
use super::shield::Shield;
use crate::ports::clock::Clock;
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;

/// How many missed invalidations are kept; beyond that only the ttl covers them.
const MOST: usize = 100_000;
/// How many are retried in one round trip.
const BATCH: usize = 512;

/// Sends invalidations, and remembers those that could not be sent.
pub(crate) struct Invalidator {
    shield: Arc<Shield>,
    clock: Arc<dyn Clock>,
    probe: Box<dyn Probe>,
    in_flight: InFlight,
    missed: Mutex<Missed>,
    /// The size of `missed`, readable on the hit path without the lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct Missed {
    /// Each with the number of its last miss, so that a retry that succeeds
    /// does not cover a miss that came after it was sent.
    keys: HashMap<EntryKey, (u64, Ticket)>,
    last: u64,
    retrying: bool,
}

impl Invalidator {
    pub(crate) fn new(
        shield: Arc<Shield>,
        clock: Arc<dyn Clock>,
        probe: Box<dyn Probe>,
        in_flight: InFlight,
    ) -> Self {
        let (missed, count) = (Mutex::default(), AtomicUsize::new(0));
        Self { shield, clock, probe, in_flight, missed, count }
    }

    /// An invalidation is under way that no transaction answers for.
    pub(crate) fn ticket(&self) -> Ticket {
        self.in_flight.ticket()
    }

    /// Invalidates now, or else later. Answers once every process with the
    /// same store will miss, or the miss is on the list.
    pub(crate) async fn invalidate(self: &Arc<Self>, keys: &[EntryKey]) {
        let _ = self.attempt(keys).await;
    }

    /// The same, and tells whether it had to be put off.
    pub(crate) async fn attempt(self: &Arc<Self>, keys: &[EntryKey]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let answer = self.shield.call(|store| store.invalidate(keys)).await;
        match &answer {
            Ok(()) => self.probe.event(Event::Invalidated(keys.len())),
            Err(error) => {
                tracing::debug!(%error, count = keys.len(), "invalidations are put off");
                self.put_off(keys);
            }
        }
        answer
    }

    /// Whether the store may still serve what a write of this process replaced.
    pub(crate) fn is_pending(&self, key: &EntryKey) -> bool {
        self.count.load(Ordering::Acquire) != 0 && Guard::PendingBypass.stands() && {
            let missed = self.missed.lock();
            let has = |key| missed.keys.contains_key(key);
            has(key) || key.whole_table().as_ref().is_some_and(has)
        }
    }

    pub(crate) fn event(&self, event: Event) {
        self.probe.event(event);
    }

    /// Invalidates as soon as the store answers.
    pub(crate) fn put_off(self: &Arc<Self>, keys: &[EntryKey]) {
        let mut dropped = 0;
        let start = {
            let mut missed = self.missed.lock();
            for key in keys {
                missed.last += 1;
                let (number, full) = (missed.last, missed.keys.len() >= MOST);
                match missed.keys.entry(key.clone()) {
                    Slot::Occupied(mut slot) => slot.get_mut().0 = number,
                    Slot::Vacant(_) if full => dropped += 1,
                    Slot::Vacant(slot) => {
                        slot.insert((number, self.in_flight.ticket()));
                    }
                }
            }
            self.count.store(missed.keys.len(), Ordering::Release);
            !std::mem::replace(&mut missed.retrying, true)
        };
        self.probe.event(Event::InvalidationMissed(keys.len()));
        if dropped > 0 {
            tracing::error!(dropped, "too many missed invalidations; the ttl alone covers these");
            self.probe.event(Event::InvalidationDropped(dropped));
        }
        if start {
            let this = self.clone();
            tokio::spawn(async move { this.retry().await });
        }
    }

    /// Tries until nothing is missed any more.
    async fn retry(self: Arc<Self>) {
        let mut pause = Duration::from_millis(50);
        while let Some(batch) = self.next_batch() {
            let keys: Vec<EntryKey> = batch.iter().map(|(key, _)| key.clone()).collect();
            if self.shield.call(|store| store.invalidate(&keys)).await.is_ok() {
                pause = Duration::from_millis(50);
                self.settle(&batch);
            } else {
                self.clock.sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }

    fn next_batch(&self) -> Option<Vec<(EntryKey, u64)>> {
        let mut missed = self.missed.lock();
        if missed.keys.is_empty() {
            missed.retrying = false;
            return None;
        }
        Some(
            missed
                .keys
                .iter()
                .take(BATCH)
                .map(|(key, (number, _))| (key.clone(), *number))
                .collect(),
        )
    }

    fn settle(&self, batch: &[(EntryKey, u64)]) {
        let mut missed = self.missed.lock();
        let mut recovered = 0;
        for (key, number) in batch {
            if missed.keys.get(key).is_some_and(|(last, _)| last == number) {
                missed.keys.remove(key);
                recovered += 1;
            }
        }
        self.count.store(missed.keys.len(), Ordering::Release);
        drop(missed);
        self.probe.event(Event::InvalidationRecovered(recovered));
    }
}
