//! Benchmarks of writing behind: each figure is a ratio of two things that ran side by side, in
//! turns, on real servers. See `docs/BENCHMARKS.md`.
//!
//! `tests/run bench` starts the servers and runs this.

mod acknowledged;
mod arena;
mod behind;
mod costs;
mod direct;
mod figures;
mod flushed;
mod keys;
mod load;
mod models;
mod options;
mod overlay;
mod plan;
mod report;
mod rounds;
mod servers;
mod sql;
mod sustained;
mod timed;

use std::process::ExitCode;

use clap::Parser as _;

/// What can go wrong. A figure that falls short of its goal is none of this; work that was not
/// the same on both sides is.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What the binary does.
pub fn main() -> ExitCode {
    let options = options::Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(plan::run(&options)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}
