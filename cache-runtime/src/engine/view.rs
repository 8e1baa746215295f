//! What this process has seen of the registry: in which generation it names the entries of each
//! kind, and which kinds it may serve. Read on every hit, so all of it is in atomics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::ports::clock::Clock;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::Stamp;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// A kind of entry: what its entries are named by, and what a writer owes them.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Of its text, which says all that.
    pub(crate) id: u128,
    /// What a person calls it.
    pub(crate) label: String,
    /// The tables whose writes concern it.
    pub(crate) concerns: Vec<String>,
}

impl Kind {
    /// The kind with this text. Two that say the same are the same to every process.
    pub(crate) fn new(label: String, text: &str, concerns: Vec<String>) -> Self {
        // FNV-1a: the same on every machine and in every build.
        let id = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
        Self { id, label, concerns }
    }
}

/// Where the kinds of one model's entries are among those of the process.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) rows: u16,
    /// Where it is the root of an aggregate.
    pub(crate) wholes: Option<u16>,
    pub(crate) lookups: Vec<u16>,
    pub(crate) lists: Vec<u16>,
}

/// The same, with what the process has seen of them.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) view: Arc<View>,
    pub(crate) places: Places,
}

/// Held by a transaction until its last consequence: it began under one registration, and under
/// one set of generations.
pub(crate) struct Pin {
    pub(crate) process: Token,
}

impl Pin {
    /// Tells whether the process is still registered, and keeps it so until the transaction that
    /// asks has ended.
    pub(crate) fn check(&self, share: &str) -> String {
        format!("SELECT id FROM cache_processes WHERE id = '{}'{share}", self.process)
    }
}

/// The kinds of this process.
pub(crate) struct View {
    pub(crate) kinds: Vec<Kind>,
    slots: Vec<Slot>,
    clock: Arc<dyn Clock>,
    /// In microseconds of the clock.
    fresh_until: AtomicU64,
    pin: Mutex<Option<Arc<Pin>>>,
}

#[derive(Default)]
struct Slot {
    /// The generation that names have.
    writing: AtomicU64,
    /// The generation that is served, and one more; 0 if none is.
    serving: AtomicU64,
}

impl View {
    pub(crate) fn new(kinds: Vec<Kind>, clock: Arc<dyn Clock>) -> Self {
        let slots = kinds.iter().map(|_| Slot::default()).collect();
        Self { kinds, slots, clock, fresh_until: AtomicU64::new(0), pin: Mutex::new(None) }
    }

    /// What a name of this kind has now.
    pub(crate) fn stamp(&self, kind: u16) -> Stamp {
        let slot = self.slots.get(usize::from(kind));
        let generation = slot.map_or(0, |slot| slot.writing.load(Ordering::Acquire));
        Stamp { kind, generation }
    }

    /// Whether entries with such names may be served, and filled.
    pub(crate) fn serves(&self, stamp: Stamp) -> bool {
        let slot = self.slots.get(usize::from(stamp.kind));
        slot.is_some_and(|slot| slot.serving.load(Ordering::Acquire) == stamp.generation + 1)
            && (self.is_fresh() || !Guard::ViewExpires.stands())
    }

    fn is_fresh(&self) -> bool {
        micros(self.clock.now()) < self.fresh_until.load(Ordering::Acquire)
    }

    /// The labels of the kinds that are not served now.
    pub(crate) fn withheld(&self) -> Vec<String> {
        let served =
            |kind: &usize| u16::try_from(*kind).is_ok_and(|kind| self.serves(self.stamp(kind)));
        let withheld = (0..self.kinds.len()).filter(|kind| !served(kind));
        withheld.map(|kind| self.kinds[kind].label.clone()).collect()
    }

    /// The registration and the generations that a transaction begins under.
    pub(crate) fn pin(&self) -> Result<Arc<Pin>> {
        self.pin.lock().clone().ok_or_else(unregistered)
    }

    /// Names entries by these generations from now on. What is served no more is not named anew
    /// before that is so.
    pub(crate) fn write_by(&self, process: Token, generations: &[u64]) {
        for (slot, generation) in self.slots.iter().zip(generations) {
            if slot.writing.load(Ordering::Acquire) != *generation {
                slot.serving.store(0, Ordering::Release);
                slot.writing.store(*generation, Ordering::Release);
            }
        }
        // After the names: whoever has this pin uses no older ones.
        *self.pin.lock() = Some(Arc::new(Pin { process }));
    }

    /// The present pin.
    pub(crate) fn current(&self) -> Option<Arc<Pin>> {
        self.pin.lock().clone()
    }

    /// Whether the names are those already.
    pub(crate) fn writes_by(&self, generations: &[u64]) -> bool {
        let same = |(slot, it): (&Slot, &u64)| slot.writing.load(Ordering::Acquire) == *it;
        self.slots.iter().zip(generations).all(same)
    }

    /// Serves those of its kinds for which this is true, until then.
    pub(crate) fn serve(&self, served: &[bool], until: Moment) {
        for (slot, served) in self.slots.iter().zip(served) {
            let serving = if *served { slot.writing.load(Ordering::Acquire) + 1 } else { 0 };
            slot.serving.store(serving, Ordering::Release);
        }
        self.fresh_until.store(micros(until), Ordering::Release);
    }

    /// Serves nothing, and begins nothing.
    pub(crate) fn lose(&self) {
        *self.pin.lock() = None;
        self.serve(&vec![false; self.slots.len()], Moment(Duration::ZERO));
    }
}

fn micros(moment: Moment) -> u64 {
    u64::try_from(moment.0.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn unregistered() -> Error {
    Error::new(
        ErrorKind::Unregistered,
        "this process is not registered, so others may serve entries that its writes would leave \
         stale; nothing was written. It registers anew by itself: try again a little later. After \
         `shutdown` it does not",
    )
}
