//! Chaos: four processes over one Redis and one PostgreSQL or MariaDB, killed at every step of a write,
//! while a register that all of them share tells any read that goes back. See `docs/CHAOS.md`.
//!
//! `tests/run chaos` starts the servers and runs this.

mod check;
mod clock;
mod coordinator;
mod counters;
mod database;
mod failpoints;
mod judge;
mod models;
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
    /// One of the processes; started by the coordinator.
    Worker(worker::Options),
}

/// What the binary does, in whichever role it was started.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.role {
        Some(Role::Worker(options)) => worker::run(options).map(|()| true),
        None => coordinator::run(&arguments.run),
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
