//! Single flight: callers that miss the same entry share one load.
//!
//! Who may share is the point. Each flight counts its steps: what it sent to
//! the store or the database. A caller remembers the step at which it came
//! aboard, and takes an answer only if whatever the answer rests on was sent
//! later. So a caller never gets a value older than its own arrival (anomalies
//! 9 and 48). Who came too late for one round stays aboard, and the pilot flies
//! another, which looks at the cache first: one round runs and one waits,
//! however many callers there are, and none waits for more than the two.
//!
//! A flight runs on a task of its own: a caller that is dropped leaves the
//! others untouched. If the task itself ends early (a panic, a runtime that
//! shuts down), everybody aboard is woken and one of them begins anew.

use std::collections::HashMap;
use std::collections::hash_map::{Entry as Slot, RandomState};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;

/// Shards, so that unrelated misses do not meet at one lock.
const SHARDS: usize = 16;

type Shard<A> = Mutex<HashMap<EntryKey, Arc<watch::Sender<Progress<A>>>>>;

/// The flights under way, by entry.
pub(crate) struct Flights<A> {
    shards: Arc<[Shard<A>]>,
    hasher: RandomState,
}

/// Where a flight is.
struct Progress<A> {
    /// How many things were sent so far.
    step: u64,
    /// The step at which the last caller boarded.
    last_boarded: u64,
    /// The answer, good for those who boarded at this step or before.
    answer: Option<(Result<A>, u64)>,
}

impl<A> Progress<A> {
    /// Whether the answer is good for one who boarded at this step.
    fn is_good_for(&self, boarded: u64) -> bool {
        let good = |(_, through): &(_, u64)| *through >= boarded || !Guard::JoinInTime.stands();
        self.answer.as_ref().is_some_and(good)
    }
}

/// How a flight ended for one caller.
pub(crate) enum Landing<A> {
    /// This is the answer.
    Answer(Result<A>),
    /// The flight was torn down.
    Abandoned,
}

/// The one who flies: it alone moves the flight on.
pub(crate) struct Pilot<A> {
    key: EntryKey,
    flight: Arc<watch::Sender<Progress<A>>>,
    shards: Arc<[Shard<A>]>,
    shard: usize,
    landed: bool,
}

/// One caller aboard.
pub(crate) struct Passenger<A> {
    progress: watch::Receiver<Progress<A>>,
    boarded: u64,
}

impl<A: Clone> Flights<A> {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new() }
    }

    /// Boards the flight for this entry. Whoever is first also becomes its pilot.
    pub(crate) fn board(&self, key: &EntryKey) -> (Option<Pilot<A>>, Passenger<A>) {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        let mut flights = self.shards[shard].lock();
        match flights.entry(key.clone()) {
            Slot::Occupied(slot) => {
                let progress = slot.get().subscribe();
                let mut boarded = 0;
                slot.get().send_if_modified(|progress| {
                    progress.last_boarded = progress.step;
                    boarded = progress.step;
                    false // nobody waits for passengers
                });
                (None, Passenger { progress, boarded })
            }
            Slot::Vacant(slot) => {
                let start = Progress { step: 0, last_boarded: 0, answer: None };
                let (flight, progress) = watch::channel(start);
                let flight = Arc::new(flight);
                slot.insert(flight.clone());
                let shards = self.shards.clone();
                let pilot = Pilot { key: key.clone(), flight, shards, shard, landed: false };
                (Some(pilot), Passenger { progress, boarded: 0 })
            }
        }
    }
}

impl<A> Pilot<A> {
    pub(crate) fn key(&self) -> &EntryKey {
        &self.key
    }

    /// Says that something is about to be sent; who boards from now on did not
    /// come before it. Returns the last step that did.
    pub(crate) fn step(&self) -> u64 {
        let mut before = 0;
        self.flight.send_if_modified(|progress| {
            before = progress.step;
            progress.step += 1;
            false // nobody waits for steps
        });
        before
    }

    /// Gives the answer to all who boarded at step `through` or before.
    pub(crate) fn answer(&self, answer: Result<A>, through: u64) {
        self.flight.send_modify(|progress| progress.answer = Some((answer, through)));
    }

    /// The answer given was accepted by the store, and so is good for those
    /// too who boarded at step `through` or before.
    pub(crate) fn confirm(&self, through: u64) {
        self.flight.send_modify(|progress| {
            if let Some((_, good_for)) = &mut progress.answer {
                *good_for = through;
            }
        });
    }

    /// Ends the flight, or gives it back for another round if somebody boarded
    /// whom no answer suits.
    pub(crate) fn land(mut self) -> Option<Self> {
        let shards = self.shards.clone();
        // Under this lock nobody boards.
        let mut flights = shards[self.shard].lock();
        let all_served = {
            let progress = self.flight.borrow();
            progress.is_good_for(progress.last_boarded)
        };
        if !all_served {
            return Some(self);
        }
        flights.remove(&self.key);
        self.landed = true;
        None
    }
}

impl<A> Drop for Pilot<A> {
    fn drop(&mut self) {
        // With the sender gone, passengers see that nothing will come.
        if !self.landed {
            self.shards[self.shard].lock().remove(&self.key);
        }
    }
}

impl<A: Clone> Passenger<A> {
    /// Waits for an answer that suits this caller.
    pub(crate) async fn landing(mut self) -> Landing<A> {
        let boarded = self.boarded;
        let settled = self.progress.wait_for(|progress| progress.is_good_for(boarded)).await;
        match settled.as_deref().map(|progress| &progress.answer) {
            Ok(Some((answer, _))) => Landing::Answer(answer.clone()),
            Ok(None) | Err(_) => Landing::Abandoned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::key::KeyWriter;

    fn key() -> EntryKey {
        EntryKey::from_writer(KeyWriter::after(b"k"))
    }

    #[tokio::test]
    async fn who_boards_after_the_read_was_sent_waits_for_another_round() {
        let flights = Flights::<u32>::new();
        let (pilot, first) = flights.board(&key());
        let pilot = pilot.expect("the first is the pilot");
        let read = pilot.step();
        let (none, late) = flights.board(&key());
        assert!(none.is_none());
        pilot.answer(Ok(1), read);
        assert!(matches!(first.landing().await, Landing::Answer(Ok(1))));
        let pilot = pilot.land().expect("the late one is still aboard");
        let read = pilot.step();
        pilot.answer(Ok(2), read);
        assert!(pilot.land().is_none(), "all are served");
        assert!(matches!(late.landing().await, Landing::Answer(Ok(2))));
        assert!(flights.board(&key()).0.is_some(), "a landed flight is gone");
    }

    #[tokio::test]
    async fn an_accepted_fill_carries_those_who_came_before_it_was_sent() {
        let flights = Flights::<u32>::new();
        let (pilot, _first) = flights.board(&key());
        let pilot = pilot.expect("the first is the pilot");
        let read = pilot.step();
        let (_, between) = flights.board(&key());
        pilot.answer(Ok(1), read);
        let fill = pilot.step();
        let (_, after) = flights.board(&key());
        pilot.confirm(fill);
        assert!(matches!(between.landing().await, Landing::Answer(Ok(1))));
        let pilot = pilot.land().expect("anomaly 48: the one who came after is still aboard");
        let look = pilot.step();
        pilot.answer(Ok(2), look);
        assert!(pilot.land().is_none());
        assert!(matches!(after.landing().await, Landing::Answer(Ok(2))));
    }

    #[tokio::test]
    async fn a_pilot_that_vanishes_wakes_everybody() {
        let flights = Flights::<u32>::new();
        let (pilot, first) = flights.board(&key());
        let (_, second) = flights.board(&key());
        drop(pilot);
        assert!(matches!(first.landing().await, Landing::Abandoned));
        assert!(matches!(second.landing().await, Landing::Abandoned));
        assert!(flights.board(&key()).0.is_some());
    }
}
