//! Cargo, called by a suite.

use std::process::Command;

/// The cargo that builds this run, without what it has told this suite of its package: build scripts
/// that look at it (ring's does) would run anew, and all that depends on them would be built once
/// more, here and again when the next suite is run.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}
