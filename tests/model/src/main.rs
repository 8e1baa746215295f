//! Checks the models: `cargo run -p cache-model --release -- [--verbose] [PROTOCOL..]`.

use std::process::ExitCode;

use cache_model::PROTOCOLS;
use cache_model::report::Report;

fn main() -> ExitCode {
    let (mut verbose, mut wanted) = (false, Vec::new());
    for argument in std::env::args().skip(1) {
        let named = PROTOCOLS.iter().find(|protocol| protocol.name == argument);
        match (argument.as_str(), named) {
            ("--verbose", _) => verbose = true,
            (_, Some(protocol)) => wanted.push(protocol),
            (_, None) => return usage(),
        }
    }
    if wanted.is_empty() {
        wanted.extend(PROTOCOLS);
    }
    let mut report = Report::new(verbose);
    report.check(&wanted);
    println!("{}", report.summary());
    if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    let names: Vec<&str> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    eprintln!("usage: cache-model [--verbose] [{}]..", names.join("|"));
    ExitCode::from(2)
}
