//! Which entries this process has read lately: a few of them, for the reconciler.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::comparison::Check;
use super::keeper::Keeper;
use super::sources::LookupId;
use crate::ports::database::Database;
use crate::ports::model::Model;

/// How many are kept for each model; the oldest go first.
const MOST: usize = 256;

type Look<Keeper, Key> = fn(Arc<Keeper>, Key) -> Option<Check>;

/// What names one entry to the database.
pub(crate) enum Known<M: Model, D: Database> {
    Row(M::Key),
    Lookup(LookupId<M>),
    List(LookupId<M>),
    /// And how such an entry is looked at, which only the root of an aggregate knows.
    Whole(M::Key, Look<Keeper<M, D>, M::Key>),
}

/// Keeps one read in so many.
pub(crate) struct Sampler<M: Model, D: Database> {
    /// 0 if nothing is kept.
    one_in: u32,
    known: Mutex<VecDeque<Known<M, D>>>,
}

impl<M: Model, D: Database> Sampler<M, D> {
    pub(crate) fn new(one_in: u32) -> Self {
        Self { one_in, known: Mutex::default() }
    }

    /// An entry is being read. Whoever is not drawn pays a few instructions: no allocation, no
    /// memory that threads share, no lock that is waited for.
    #[inline]
    pub(crate) fn note(&self, known: impl FnOnce() -> Known<M, D>) {
        if self.one_in == 0 || !draw().is_multiple_of(self.one_in) {
            return;
        }
        if let Some(mut all) = self.known.try_lock() {
            if all.len() >= MOST {
                all.pop_front();
            }
            all.push_back(known());
        }
    }

    /// Takes the one that was read last.
    pub(crate) fn take(&self) -> Option<Known<M, D>> {
        self.known.lock().pop_back()
    }
}

/// A number that differs from call to call (xorshift). Drawn and not counted, so that code which
/// reads in a rhythm has no blind spot.
fn draw() -> u32 {
    thread_local! {
        static STATE: Cell<u32> = const { Cell::new(0x9e37_79b9) };
    }
    STATE.with(|state| {
        let mut bits = state.get();
        bits ^= bits << 13;
        bits ^= bits >> 17;
        bits ^= bits << 5;
        state.set(bits);
        bits
    })
}
