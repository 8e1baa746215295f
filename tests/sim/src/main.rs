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
mod mode;
mod models;
mod mutants;
mod plan;
mod ports;
mod quiet;
mod report;
mod rng;
mod run;
mod scheduler;
mod store;
mod truth;
mod world;

use std::process::ExitCode;

use cache_runtime::guard::{Guard, remove};

use crate::bench::Bench;
use crate::mode::Mode;
use crate::report::{Report, mutants, mutants_in_lua, mutants_on_postgres, schedules, steadiness};
use crate::truth::Servers;

const USAGE: &str =
    "usage: cache-sim [--mode M] [--seeds N] [--mutant-seeds N] [--real N] [--guard G] [--seed S]

  --seeds N         how many schedules in all, over the modes (120000)
  --mutant-seeds N  after how many a guard that was not missed is given up, a mode (50000)
  --real N          how many schedules drive Redis and PostgreSQL (10400)
  --mode M          of this mode alone
  --guard G         with this guard removed
  --seed S          this one schedule, with its trace; needs --mode";

#[derive(Default)]
struct Options {
    mode: Option<Mode>,
    guard: Option<Guard>,
    seed: Option<u64>,
    seeds: Option<u64>,
    mutant_seeds: Option<u64>,
    real: Option<u64>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word.as_str() {
                "--mode" => options.mode = Some(Mode::named(&value)?),
                "--guard" => {
                    let named = |(_, name): &&(Guard, &str)| *name == value;
                    options.guard = Some(Guard::ALL.iter().find(named)?.0);
                }
                "--seed" => options.seed = Some(value.parse().ok()?),
                "--seeds" => options.seeds = Some(value.parse().ok()?),
                "--real" => options.real = Some(value.parse().ok()?),
                "--mutant-seeds" => options.mutant_seeds = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }
}

fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(guard) = options.guard {
        remove(guard);
    }
    if let Some(seed) = options.seed {
        return replay(options.mode, seed);
    }
    let benches = [Bench::sqlite(), Bench::sqlite()];
    let modes = options.mode.map_or(Mode::ALL.to_vec(), |mode| vec![mode]);
    let mut report = Report::default();
    steadiness(&benches, &modes, &mut report);
    let seeds = options.seeds.unwrap_or(120_000).div_ceil(modes.len() as u64);
    schedules(&benches, &modes, seeds, &mut report);
    if options.seeds.is_none() {
        report.demand(100_000);
    }
    if options.guard.is_none() {
        let most = options.mutant_seeds.unwrap_or(50_000);
        mutants(&benches, &modes, most, &mut report);
        match Servers::of_run() {
            Some(servers) => {
                mutants_on_postgres(&servers.on_postgres(), &modes, most, &mut report);
                mutants_in_lua(&servers.on_both(), &modes, most, &mut report);
                truth::hold(&servers, &modes, options.real.unwrap_or(10_400), &mut report);
            }
            None => report.tally("no servers: run `tests/run sim`", false),
        }
    }
    report.end()
}

fn replay(mode: Option<Mode>, seed: u64) -> ExitCode {
    let Some(mode) = mode else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = run::run(&Bench::sqlite(), mode, seed);
    print!("{}", outcome.trace);
    match outcome.broken {
        Some(broken) => println!("BROKEN: {broken}"),
        None => println!("every promise is kept"),
    }
    println!("trace {:016x}", outcome.hash);
    ExitCode::SUCCESS
}
