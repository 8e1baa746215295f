//! Chaos: four processes over one Redis and one PostgreSQL or MariaDB, killed at every step of a write,
//! while a register that all of them share tells any read that goes back; and then over a pair of
//! Redis under ten faults, while the database tells how old each read was. See `docs/CHAOS.md`.
//!
//! `tests/run chaos` starts the servers and runs this.

mod check;
mod coordinator;
mod counters;
mod database;
mod failpoints;
mod judge;
mod models;
mod outages;
mod plants;
mod register;
mod run;
mod schedule;
mod setup;
mod store;
mod subjects;
mod traffic;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can go wrong with the rig itself, as opposed to what it tests.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "SIGKILL at every step of a write, on real servers")]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    run: coordinator::Options,
}

#[derive(Subcommand)]
enum Role {
    /// Only the faults of servers and processes, under which bounded and validated models are read.
    Faults(outages::Options),
    /// One of the processes; started by the coordinator.
    #[command(hide = true)]
    Worker(worker::Options),
    /// One of those that the faults are put to.
    #[command(hide = true)]
    OutageWorker(outages::worker::Options),
}

/// What the binary does, in whichever role it was started.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.role {
        Some(Role::Worker(options)) => worker::run(options).map(|()| true),
        Some(Role::OutageWorker(options)) => outages::worker::run(options).map(|()| true),
        Some(Role::Faults(options)) => judged(None, Some(&options)),
        None => {
            let all = arguments.run.is_all().then(outages::Options::default);
            judged(Some(&arguments.run), all.as_ref())
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// True if nothing failed. The counts come before what sums up the faults.
fn judged(
    history: Option<&coordinator::Options>,
    faults: Option<&outages::Options>,
) -> Result<bool, Fault> {
    let mut verdict = judge::Verdict::default();
    if let Some(options) = history {
        coordinator::run(options, &mut verdict)?;
    }
    let summary = faults.map(|options| outages::run(options, &mut verdict)).transpose()?;
    println!("{} passed, {} failed", verdict.passed, verdict.failed);
    if let Some(summary) = summary.filter(outages::Summary::is_any) {
        println!("{summary}");
    }
    Ok(verdict.failed == 0)
}
