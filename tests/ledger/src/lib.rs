//! The ledger of write-behind: what processes acknowledged is written down outside of them, while they,
//! the store and the database are killed; in the end all of it has to be there, once and in order. See
//! `docs/LEDGER.md`.
//!
//! `tests/run ledger` builds and runs this.

mod balance;
mod compare;
mod coordinator;
mod database;
mod failpoints;
mod faults;
mod fleet;
mod ledger;
mod link;
mod models;
mod observer;
mod plants;
mod register;
mod rows;
mod schedule;
mod servers;
mod setup;
mod steward;
mod store;
mod trace;
mod traffic;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can go wrong with the rig itself, as opposed to what it tests.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "Acknowledged writes, counted outside of what is killed")]
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
    /// Compares a ledger with what its database holds; nobody writes meanwhile.
    Compare(compare::Options),
}

/// What the binary does, in whichever role it was started.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.role {
        Some(Role::Worker(options)) => worker::run(options).map(|()| true),
        Some(Role::Compare(options)) => compare::run(&options),
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
