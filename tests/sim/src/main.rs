//! Deterministic simulation of the runtime: see docs/SIMULATION.md. `tests/run sim` runs it.

mod accounts;
mod bench;
mod check;
mod client;
mod database;
mod drill;
mod explore;
mod faults;
mod history;
mod items;
mod mode;
mod models;
mod mutants;
mod outside;
mod plan;
mod ports;
mod quiet;
mod report;
mod rng;
mod run;
mod scheduler;
mod store;
mod stream;
mod truth;
mod world;

use std::process::ExitCode;

use cache_runtime::guard::{Guard, remove};
use clap::Parser;

use crate::bench::Bench;
use crate::mode::Mode;
use crate::report::{Report, mutants, mutants_in_lua, mutants_on_postgres, schedules, steadiness};
use crate::truth::Servers;

/// Runs schedules of the runtime over a simulated store, database and clock.
///
/// Without options: every schedule keeps its mode's promises, each guard that is removed is missed,
/// and Redis, PostgreSQL and MariaDB answer as what stands for them does.
#[derive(Parser)]
#[command(name = "tests/run sim")]
struct Options {
    /// How many schedules in all, over the modes.
    #[arg(long, default_value_t = SCHEDULES)]
    seeds: u64,
    /// After how many schedules a guard that was not missed is given up, a mode.
    #[arg(long, default_value_t = 50_000)]
    mutant_seeds: u64,
    /// How many schedules drive Redis, a half with PostgreSQL and a half with MariaDB.
    #[arg(long, default_value_t = 10_400)]
    real: u64,
    /// Of this mode alone.
    #[arg(long, value_parser = mode)]
    mode: Option<Mode>,
    /// With this guard removed.
    #[arg(long, value_parser = guard)]
    guard: Option<Guard>,
    /// This one schedule, with its trace.
    #[arg(long, requires = "mode")]
    seed: Option<u64>,
}

/// In a whole run, of which at least these must be different from each other.
const SCHEDULES: u64 = 120_000;
const DIFFERENT: usize = 100_000;

fn mode(name: &str) -> Result<Mode, String> {
    let names = Mode::ALL.map(Mode::name).join(", ");
    Mode::named(name).ok_or(format!("the modes are {names}"))
}

fn guard(name: &str) -> Result<Guard, String> {
    let found = Guard::ALL.iter().find(|(_, other)| *other == name);
    found.map(|(guard, _)| *guard).ok_or("docs/GUARDS.md has the names".to_owned())
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(guard) = options.guard {
        remove(guard);
    }
    let mut report = Report::default();
    match (options.mode, options.seed) {
        (Some(mode), Some(seed)) => replay(mode, seed, &mut report),
        _ => whole(&options, &mut report),
    }
    report.end()
}

fn whole(options: &Options, report: &mut Report) {
    let benches = [Bench::sqlite(), Bench::sqlite()];
    let modes = options.mode.map_or(Mode::ALL.to_vec(), |mode| vec![mode]);
    steadiness(&benches, &modes, report);
    schedules(&benches, &modes, options.seeds, report);
    if options.guard.is_some() {
        return;
    }
    if options.seeds >= SCHEDULES {
        report.demand(DIFFERENT);
    }
    mutants(&benches, &modes, options.mutant_seeds, report);
    match Servers::of_run() {
        Some(servers) => {
            mutants_on_postgres(&servers.on_postgres(), &modes, options.mutant_seeds, report);
            mutants_in_lua(&servers.on_postgres_and_redis(), &modes, options.mutant_seeds, report);
            truth::hold(&servers, &modes, options.real, report);
        }
        None => report.tally("no servers: run `tests/run sim`", false),
    }
}

fn replay(mode: Mode, seed: u64, report: &mut Report) {
    let outcome = run::run(&Bench::sqlite(), mode, seed);
    print!("{}", outcome.trace);
    println!("trace {:016x}", outcome.hash);
    let kept = outcome.broken.is_none();
    report.tally(&outcome.broken.unwrap_or("every promise is kept".to_owned()), kept);
}
