//! What a run was asked for, and how much work that is.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::Fault;
use crate::figures::{COSTS, FIGURES};

#[derive(Parser, Debug)]
#[command(about = "Ratios of writing behind to plain Diesel, side by side")]
pub(crate) struct Options {
    /// Only the figures whose names begin with this; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Less work for each figure, as CI has it: three minutes in all.
    #[arg(long)]
    short: bool,
    /// Where the raw samples go.
    #[arg(long, value_name = "FILE", default_value_os_t = samples())]
    pub(crate) json: PathBuf,
    /// Plants a fault that must fail the run.
    #[arg(long, value_enum)]
    pub(crate) plant: Option<Plant>,
}

/// A fault of the benchmark itself.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Plain Diesel does less than it is measured for.
    Unequal,
}

fn samples() -> PathBuf {
    folder_of_results().join("samples.json")
}

/// Beside what is built.
pub(crate) fn folder_of_results() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    target.join("bench")
}

impl Options {
    /// Whether a figure, or a cost, is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// A name that is none would measure nothing, and say that all is well.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let known = |only: &String| {
            only == COSTS || FIGURES.iter().any(|it| it.name.starts_with(only.as_str()))
        };
        match self.only.iter().find(|only| !known(only)) {
            None => Ok(()),
            Some(only) => {
                let mut all: Vec<&str> = FIGURES.iter().map(|it| it.name).collect();
                all.push(COSTS);
                Err(format!("no figure begins with `{only}`; there are {}", all.join(", ")).into())
            }
        }
    }

    pub(crate) fn scale(&self) -> Scale {
        if self.short { Scale::SHORT } else { Scale::FULL }
    }
}

/// How much work a figure is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// How often both sides are measured, one after the other.
    pub(crate) rounds: usize,
    /// How many rows the tables have.
    pub(crate) rows: i64,
    /// How many writes one caller does in a round.
    pub(crate) alone: usize,
    /// How many writes all of many callers do in a round.
    pub(crate) together: usize,
    /// How often writers and flusher run together, and for how long.
    pub(crate) sustained: (usize, Duration),
    /// How long plain Diesel runs before and after that.
    pub(crate) neighbour: Duration,
    /// How often an outbox is emptied.
    pub(crate) drains: usize,
    /// How many writes are in it.
    pub(crate) pending: usize,
}

impl Scale {
    const FULL: Self = Self {
        rounds: 9,
        rows: 100_000,
        alone: 3_000,
        together: 24_000,
        sustained: (2, Duration::from_secs(60)),
        neighbour: Duration::from_secs(15),
        drains: 3,
        pending: 1_000_000,
    };
    const SHORT: Self = Self {
        rounds: 3,
        rows: 100_000,
        alone: 600,
        together: 6_000,
        sustained: (1, Duration::from_secs(10)),
        neighbour: Duration::from_secs(3),
        drains: 2,
        pending: 100_000,
    };

    /// The writes of a round.
    pub(crate) fn writes(&self, callers: usize) -> usize {
        if callers == 1 { self.alone } else { self.together }
    }
}
