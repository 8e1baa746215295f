//! The runs: many schedules on fakes, the same ones again, and on real servers.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use cache_runtime::Redis;
use cache_runtime::guard::{Guard, remove};

use crate::options::Options;
use crate::schedule::Place;
use crate::site::Site;
use crate::workload::Mode;

const THREADS: u64 = 2;
/// Schedules on real servers.
const REAL: u64 = 10_500;

/// What passed and what failed.
#[derive(Default)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
}

impl Tally {
    pub fn pass(&mut self, line: &str) {
        println!("{line}");
        self.passed += 1;
    }

    pub fn fail(&mut self, line: &str) {
        println!("FAILED: {line}");
        self.failed += 1;
    }

    fn judge(&mut self, good: bool, line: &str) {
        if good { self.pass(line) } else { self.fail(line) }
    }
}

/// What the schedules came to.
#[derive(Debug, Default)]
pub struct Sum {
    pub schedules: u64,
    pub violations: u64,
}

/// Runs every seed with all guards standing.
pub fn sound(options: &Options, tally: &mut Tally) -> Sum {
    let began = Instant::now();
    let (seen, next) = (Mutex::new(HashSet::new()), AtomicU64::new(0));
    let (idle, violations) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut site = Site::sqlite();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= options.seeds {
                        return;
                    }
                    let mode = options.mode_of(seed);
                    let verdict = site.run(mode, seed, &Place::Simulated, false);
                    if !verdict.eventful {
                        idle.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    seen.lock().unwrap().insert((mode as u8, verdict.fingerprint));
                    for violation in verdict.violations {
                        if violations.fetch_add(1, Ordering::Relaxed) < 20 {
                            println!("--mode {mode:?} --seed {seed}: {violation}");
                        }
                    }
                }
            });
        }
    });
    let sum = Sum {
        schedules: seen.into_inner().unwrap().len() as u64,
        violations: violations.into_inner(),
    };
    let line = format!(
        "{} distinct schedules of {} seeds, {} without an overlap or a fault; {} violations; {:.0} s",
        sum.schedules,
        options.seeds,
        idle.into_inner(),
        sum.violations,
        began.elapsed().as_secs_f64()
    );
    // Where fewer are asked for, fewer are enough.
    let enough = sum.schedules >= options.seeds.min(120_000) * 5 / 6;
    tally.judge(sum.violations == 0 && enough, &line);
    sum
}

/// The same seed is the same schedule.
pub fn repeats(options: &Options, tally: &mut Tally) {
    let (mut first, mut second) = (Site::sqlite(), Site::sqlite());
    let differs = (0..300).find(|seed| {
        let mode = options.mode_of(*seed);
        let once = first.run(mode, *seed, &Place::Simulated, true);
        let twice = second.run(mode, *seed, &Place::Simulated, true);
        once.fingerprint != twice.fingerprint || once.trace != twice.trace
    });
    tally.judge(
        differs.is_none(),
        &format!(
            "a seed replays: {}",
            match differs {
                None => "300 of 300".to_owned(),
                Some(seed) => format!("not {seed}"),
            }
        ),
    );
}

/// A violation: mode, seed, how many schedules it took, what it was.
pub type Hit = (Mode, u64, u64, String);

/// Looks for a violation, guards being as they are.
pub fn hunt(modes: &[Mode], tries: u64) -> Option<Hit> {
    let (next, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let hit = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut site = Site::sqlite();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= tries || done.load(Ordering::Relaxed) {
                        return;
                    }
                    let mode = modes[(seed % modes.len() as u64) as usize];
                    let verdict = site.run(mode, seed, &Place::Simulated, false);
                    if let Some(violation) = verdict.violations.into_iter().next() {
                        done.store(true, Ordering::Relaxed);
                        hit.lock().unwrap().get_or_insert((mode, seed, seed + 1, violation));
                        return;
                    }
                }
            });
        }
    });
    hit.into_inner().unwrap()
}

/// The schedules drive real servers, step by step.
pub fn real(options: &Options, tally: &mut Tally) {
    let began = Instant::now();
    let mut site = Site::postgres();
    let mut found = 0;
    for seed in 0..REAL {
        // A connection belongs to its runtime, and each schedule has one of its own.
        let store = Redis::url(&cache_tests::redis_url()).unwrap();
        let store = store.response_timeout(std::time::Duration::from_secs(10));
        let place = Place::Real(std::sync::Arc::new(store));
        let mode = options.mode_of(seed);
        let verdict = site.run(mode, seed, &place, false);
        for violation in verdict.violations {
            found += 1;
            println!("on Redis and PostgreSQL, --mode {mode:?} --seed {seed}: {violation}");
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let line =
        format!("{REAL} schedules on Redis and PostgreSQL, {found} violations; {seconds:.0} s");
    tally.judge(found == 0, &line);
}

/// Runs one schedule and shows what happened.
pub fn replay(options: &Options, seed: u64) -> ExitCode {
    if let Some(wanted) = &options.guard {
        match Guard::ALL.iter().find(|(_, name)| name == wanted) {
            Some((guard, _)) => remove(*guard),
            None => {
                eprintln!("there is no guard `{wanted}`; docs/GUARDS.md lists them");
                return ExitCode::from(2);
            }
        }
    }
    let verdict = Site::sqlite().run(options.mode_of(seed), seed, &Place::Simulated, true);
    verdict.trace.iter().for_each(|line| println!("{line}"));
    verdict.violations.iter().for_each(|violation| println!("VIOLATION: {violation}"));
    println!("{} violations", verdict.violations.len());
    if verdict.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
