//! What the reads of one fault come to: how old they were, how many were hits, and when these came
//! back.

use std::collections::{BTreeMap, HashMap};

use super::journal::Commits;
use super::log::Read;
use super::tables::{BOUND, is_bounded, name};

/// Reads are counted by the tenth of a second in which they began, in microseconds.
const BIN: u64 = 100_000;
/// So many of these tell whether hits are back.
const WINDOW: u64 = 5;
/// Of a hundred reads outside faults, so many are hits at least.
const LEAST: u64 = 90;
/// Fewer reads than this in a window tell nothing.
const FEWEST: u64 = 20;

/// How many reads there were, and how many of them were hits.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) reads: u64,
    pub(super) hits: u64,
}

impl Share {
    pub(super) fn is_enough(self) -> bool {
        self.reads >= FEWEST && self.hits * 100 >= self.reads * LEAST
    }

    pub(super) fn percent(self) -> f64 {
        100.0 * self.hits as f64 / self.reads.max(1) as f64
    }
}

/// A read that was older than it may be, or that gave what nobody has committed.
pub(super) type Violation = String;

/// The reads of one fault.
#[derive(Default)]
pub(super) struct Reads {
    all: u64,
    /// Of the bounded models, by bin.
    bins: BTreeMap<u64, Share>,
    /// When each value of each row was read last.
    last: HashMap<(u32, u64), u64>,
}

impl Reads {
    pub(super) fn take(&mut self, reads: &[Read]) {
        for Read { begun, value, place, hit } in reads {
            self.all += 1;
            let last = self.last.entry((*place, *value)).or_default();
            *last = (*last).max(*begun);
            if is_bounded(*place) {
                let bin = self.bins.entry(begun / BIN).or_default();
                bin.reads += 1;
                bin.hits += u64::from(*hit);
            }
        }
    }

    /// How many there were, of all models.
    pub(super) fn count(&self) -> u64 {
        self.all
    }

    /// Those of the bounded models that began between these moments.
    pub(super) fn share(&self, from: u64, to: u64) -> Share {
        let bins = self.bins.range(from.div_ceil(BIN)..to / BIN);
        bins.fold(Share::default(), |sum, (_, bin)| Share {
            reads: sum.reads + bin.reads,
            hits: sum.hits + bin.hits,
        })
    }

    /// How long after this moment reads were hits again, for good as far as can be seen up to `now`;
    /// in microseconds. It is the end of the last half second in which they were not. None if that
    /// is the present.
    pub(super) fn recovery(&self, from: u64, now: u64) -> Option<u64> {
        let first = from.div_ceil(BIN);
        // What began just now has not been written down yet.
        let last = (now / BIN).saturating_sub(WINDOW + 1);
        let is_good = |bin: u64| self.share(bin * BIN, (bin + WINDOW) * BIN).is_enough();
        if last < first || !is_good(last) {
            return None;
        }
        let bad = (first..last).rev().find(|bin| !is_good(*bin));
        Some(bad.map_or(0, |bin| (bin + WINDOW) * BIN - from))
    }

    /// The age of the oldest read of a bounded model, in microseconds: how long before it began the
    /// next value of its row was committed. And each value that was read when it was older than the
    /// bound, or that nobody had committed.
    pub(super) fn ages(&self, commits: &Commits) -> (u64, Vec<Violation>) {
        let bound = u64::try_from(BOUND.as_micros()).unwrap_or(u64::MAX);
        let (mut worst, mut violations) = (0, Vec::new());
        for (&(place, value), &begun) in &self.last {
            if value > 0 && !commits.contains_key(&(place, value)) {
                violations.push(format!("{}: {value}, which nobody committed", name(place)));
            }
            let next = commits.get(&(place, value + 1)).filter(|_| is_bounded(place));
            let age = next.map_or(0, |next| begun.saturating_sub(*next));
            worst = worst.max(age);
            if age > bound {
                violations.push(format!(
                    "{}: {value} was read {:.3} s after its successor had been committed",
                    name(place),
                    age as f64 / 1e6
                ));
            }
        }
        (worst, violations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outages::tables::place;

    const SECOND: u64 = 1_000_000;

    fn read(begun: u64, value: u64, place: u32, hit: bool) -> Read {
        Read { begun, value, place, hit }
    }

    #[test]
    fn a_read_past_the_bound_is_found_and_one_within_it_is_not() {
        let (row, other) = (place(0, 1), place(1, 1));
        let commits = Commits::from([((row, 1), 10 * SECOND), ((other, 1), 10 * SECOND)]);
        let mut reads = Reads::default();
        reads.take(&[read(9 * SECOND, 0, row, true), read(10 * SECOND + 7, 1, row, true)]);
        assert_eq!(reads.ages(&commits), (0, vec![]));
        reads.take(&[read(12 * SECOND, 0, row, true)]);
        assert_eq!(reads.ages(&commits), (2 * SECOND, vec![]));
        reads.take(&[read(12 * SECOND + 1, 0, other, false)]);
        let (worst, violations) = reads.ages(&commits);
        assert_eq!((worst, violations.len()), (2 * SECOND + 1, 1));
        assert!(violations[0].starts_with("bounded_through row 1: 0"), "{violations:?}");
    }

    #[test]
    fn a_value_that_nobody_committed_is_found() {
        let mut reads = Reads::default();
        reads.take(&[read(1, 3, place(2, 0), true)]);
        assert_eq!(reads.ages(&Commits::new()).1.len(), 1);
    }

    #[test]
    fn hits_are_back_when_they_stay() {
        let mut reads = Reads::default();
        for at in 0..400 {
            let begun = at * SECOND / 100;
            // None from one second on until two.
            reads.take(&[read(begun, 0, 0, !(SECOND..2 * SECOND).contains(&begun))]);
        }
        assert!(reads.share(0, SECOND).is_enough());
        assert_eq!(reads.share(SECOND, 2 * SECOND), Share { reads: 100, hits: 0 });
        assert_eq!(reads.recovery(0, SECOND), Some(0), "the gap is not there yet");
        assert_eq!(reads.recovery(0, 2 * SECOND), None);
        let back = reads.recovery(0, 4 * SECOND);
        assert!(back.is_some_and(|back| (2 * SECOND..3 * SECOND).contains(&back)), "{back:?}");
        assert_eq!(reads.recovery(2 * SECOND, 4 * SECOND), Some(0));
    }
}
