//! Many schedules, on two threads.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::bench::Bench;
use crate::mode::Mode;
use crate::run::{Home, run};

/// What came of many schedules.
#[derive(Default)]
pub struct Tally {
    /// How many ran.
    pub ran: u64,
    /// The traces of those that count.
    pub distinct: HashSet<u64>,
    /// The first that broke a promise: its seed, what was broken, and its trace.
    pub broken: Option<(u64, String, String)>,
}

/// Runs the schedules of the seeds below `seeds`, until one breaks a promise.
pub fn explore<C: Home>(benches: &[Bench<C>], mode: Mode, seeds: u64) -> Tally {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|threads| {
        for bench in benches {
            threads.spawn(|| {
                let mut own = HashSet::new();
                let mut ran = 0;
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let outcome = run(bench, mode, seed);
                    ran += 1;
                    if outcome.counts {
                        own.insert(outcome.hash);
                    }
                    if let Some(broken) = outcome.broken {
                        stop.store(true, Ordering::Relaxed);
                        let mut tally = tally.lock().unwrap();
                        // Of two threads that found one, the lower seed.
                        if tally.broken.as_ref().is_none_or(|(other, ..)| seed < *other) {
                            tally.broken = Some((seed, broken, outcome.trace));
                        }
                    }
                }
                let mut tally = tally.lock().unwrap();
                tally.ran += ran;
                tally.distinct.extend(own);
            });
        }
    });
    tally.into_inner().unwrap()
}

/// The first seed whose schedule is not the same each time it runs.
pub fn first_unsteady<C: Home>(benches: &[Bench<C>; 2], mode: Mode, seeds: u64) -> Option<u64> {
    let hash = |bench, seed| run(bench, mode, seed).hash;
    (0..seeds).find(|seed| hash(&benches[0], *seed) != hash(&benches[1], *seed))
}
