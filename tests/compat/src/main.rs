//! Two builds of one service over one Redis and one database: see docs/EVOLUTION.md.
//!
//! The same program is compiled against the previous release and against this tree, so it uses
//! only what both have. `work` is one of the two processes; `lead` starts both and says what each
//! does next.

mod lead;
mod models;
mod oracle;
mod traffic;
mod work;

use std::process::ExitCode;

/// Whatever went wrong, to be printed.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words[..] {
        ["work", schema] => work::work(schema),
        ["lead", previous, present] => lead::lead(previous, present),
        _ => Err("usage: cache-compat work SCHEMA | lead PREVIOUS PRESENT".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// A variable that `tests/run` sets.
fn required(name: &str) -> Result<String, Fault> {
    std::env::var(name).map_err(|_| format!("{name} is not set: use `tests/run compat`").into())
}
