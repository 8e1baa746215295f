//! Runs schedules of the real code, and removes its guards one by one. See docs/SIMULATION.md.

mod clock;
mod database;
mod history;
mod mutants;
mod options;
mod schedule;
mod scheduler;
mod site;
mod store;
mod truth;
mod workload;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    if let Some(seed) = options.seed {
        return truth::replay(&options, seed);
    }
    let mut tally = truth::Tally::default();
    let sound = truth::sound(&options, &mut tally);
    truth::repeats(&options, &mut tally);
    let (removed, found) = mutants::all(&options, &mut tally);
    if !options.simulated_only {
        truth::real(&options, &mut tally);
    }
    println!(
        "sim: {} schedules, {} violations, {removed} guards removed, {found} found",
        sound.schedules, sound.violations
    );
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
