//! What the command line asks for.

use crate::workload::Mode;

const USAGE: &str =
    "usage: cache-sim [--seeds N] [--seed S --mode M [--postgres]] [--mode M] [--simulated-only]

  --seeds N         so many schedules (default 120000)
  --seed S          replays one schedule with its trace; needs --mode
  --mode M          only this mode: Aside, Through, Versioned, Fenced, FencedThrough, Validated,
                    ValidatedThrough
  --guard G         with --seed: without this guard, as docs/GUARDS.md names it
  --simulated-only  leaves out what needs Redis and PostgreSQL";

pub struct Options {
    pub seeds: u64,
    pub seed: Option<u64>,
    pub mode: Option<Mode>,
    pub guard: Option<String>,
    pub simulated_only: bool,
}

impl Options {
    pub fn read() -> Result<Self, &'static str> {
        let mut options =
            Self { seeds: 120_000, seed: None, mode: None, guard: None, simulated_only: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--seeds" => options.seeds = value()?.parse().map_err(|_| USAGE)?,
                "--seed" => options.seed = Some(value()?.parse().map_err(|_| USAGE)?),
                "--mode" => {
                    let name = value()?;
                    let mode = Mode::ALL.into_iter().find(|mode| format!("{mode:?}") == name);
                    options.mode = Some(mode.ok_or(USAGE)?);
                }
                "--guard" => options.guard = Some(value()?),
                "--simulated-only" => options.simulated_only = true,
                _ => return Err(USAGE),
            }
        }
        if options.seed.is_some() && options.mode.is_none() {
            return Err(USAGE);
        }
        Ok(options)
    }

    /// The mode of a seed.
    pub fn mode_of(&self, seed: u64) -> Mode {
        let modes = Mode::ALL;
        self.mode.unwrap_or(modes[(seed % modes.len() as u64) as usize])
    }
}
