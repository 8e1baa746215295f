//! The stages of a run, and what they print.

use std::process::ExitCode;
use std::time::Instant;

use cache_runtime::guard::{Guard, remove, restore};

use crate::bench::Bench;
use crate::explore::{Tally, explore, first_unsteady};
use crate::mode::Mode;
use crate::mutants::{IN_LUA, PROOFS, Proof};
use crate::run::Home;

/// How many schedules of each mode are run twice.
const STEADY: u64 = 200;

#[derive(Default)]
pub struct Report {
    passed: u64,
    failed: u64,
    schedules: usize,
    violations: u64,
    removed: u64,
    found: u64,
}

impl Report {
    pub fn tally(&mut self, line: &str, good: bool) {
        println!("{line}{}", if good { "" } else { "  FAILED" });
        *(if good { &mut self.passed } else { &mut self.failed }) += 1;
    }

    /// So many schedules must have been different from each other.
    pub fn demand(&mut self, least: usize) {
        let schedules = self.schedules;
        self.tally(&format!("{schedules} of at least {least}"), schedules >= least);
    }

    /// The last lines.
    pub fn end(self) -> ExitCode {
        let Self { passed, failed, schedules, violations, removed, found } = self;
        println!(
            "sim: {schedules} schedules, {violations} violations, {removed} guards removed, {found} \
             found"
        );
        println!("{passed} passed, {failed} failed");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The same seed is the same schedule, or no failure could be replayed.
pub fn steadiness<C: Home>(benches: &[Bench<C>; 2], modes: &[Mode], report: &mut Report) {
    for mode in modes {
        let unsteady = first_unsteady(benches, *mode, STEADY);
        let line = match unsteady {
            None => format!("{}: {STEADY} schedules run twice are the same", mode.name()),
            Some(seed) => format!("{}: seed {seed} is not the same twice", mode.name()),
        };
        report.tally(&line, unsteady.is_none());
    }
}

/// No schedule breaks a promise, of so many over all modes.
pub fn schedules<C: Home>(benches: &[Bench<C>], modes: &[Mode], seeds: u64, report: &mut Report) {
    // Where somebody looks for something all the time, a schedule takes four times as long or more.
    let parts = |mode: &Mode| if mode.is_timed() { 1 } else { 4 };
    let part = seeds.div_ceil(modes.iter().map(parts).sum());
    for mode in modes {
        let start = Instant::now();
        let Tally { ran, distinct, broken } = explore(benches, *mode, part * parts(mode));
        report.schedules += distinct.len();
        let good = broken.is_none();
        if let Some((seed, broken, trace)) = broken {
            report.violations += 1;
            println!("{trace}BROKEN: {broken}");
            println!("replay: tests/run sim --mode {} --seed {seed}", mode.name());
        }
        let line = format!(
            "{}: {} distinct schedules of {ran}, {:.1} s",
            mode.name(),
            distinct.len(),
            start.elapsed().as_secs_f64()
        );
        report.tally(&line, good);
    }
}

/// Each guard, removed, is missed.
pub fn mutants<C: Home>(benches: &[Bench<C>], modes: &[Mode], seeds: u64, report: &mut Report) {
    for (guard, name) in Guard::ALL {
        match PROOFS.iter().find(|(proven, _)| proven == guard).map(|(_, proof)| proof) {
            None => report.tally(&format!("guard {name}: nobody removes it"), false),
            Some(Proof::Elsewhere(suite, reason)) => {
                println!("guard {name}: removed by the suite `{suite}`: {reason}");
            }
            Some(Proof::OnPostgres(_)) => {}
            Some(Proof::Here(wanted)) => {
                let wanted: Vec<Mode> =
                    wanted.iter().copied().filter(|mode| modes.contains(mode)).collect();
                miss(benches, (*guard, name), &wanted, seeds, report);
            }
        }
    }
}

/// The same for those that need a database that can say what became of a transaction.
pub fn mutants_on_postgres<C: Home>(
    benches: &[Bench<C>; 2],
    modes: &[Mode],
    seeds: u64,
    report: &mut Report,
) {
    for (guard, name) in Guard::ALL {
        let proof = PROOFS.iter().find(|(proven, _)| proven == guard).map(|(_, proof)| proof);
        if let Some(Proof::OnPostgres(wanted)) = proof {
            let wanted: Vec<Mode> =
                wanted.iter().copied().filter(|mode| modes.contains(mode)).collect();
            miss(benches, (*guard, name), &wanted, seeds, report);
        }
    }
}

/// The same for the scripts in Lua, on Redis.
pub fn mutants_in_lua<C: Home>(
    benches: &[Bench<C>; 2],
    modes: &[Mode],
    seeds: u64,
    report: &mut Report,
) {
    for (guard, mode) in IN_LUA.iter().filter(|(_, mode)| modes.contains(mode)) {
        let names = Guard::ALL.iter().filter(|(other, _)| other == guard);
        let name = names.map(|(_, name)| format!("{name} in Lua")).collect::<String>();
        miss(benches, (*guard, &name), &[*mode], seeds, report);
    }
}

/// Removes a guard; each of the modes must miss it.
fn miss<C: Home>(
    benches: &[Bench<C>],
    (guard, name): (Guard, &str),
    modes: &[Mode],
    seeds: u64,
    report: &mut Report,
) {
    if modes.is_empty() {
        return;
    }
    report.removed += 1;
    let mut found = true;
    for mode in modes {
        remove(guard);
        let tally = explore(benches, *mode, seeds);
        restore();
        let at = match &tally.broken {
            Some((seed, ..)) => format!("missed at seed {seed}"),
            None => format!("NOT MISSED in {} schedules", tally.ran),
        };
        found &= tally.broken.is_some();
        report.tally(&format!("guard {name}: {}: {at}", mode.name()), tally.broken.is_some());
    }
    report.found += u64::from(found);
}
