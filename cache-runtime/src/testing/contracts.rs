//! Contracts, held fast by a test.

use crate::facade::cache::Cache;
use crate::ports::database::Database;

/// Fails unless the cache's contracts are these, so that no change of a ttl, of a promise or of
/// what a write removes goes unseen. `expected` is what `cache.contracts()` prints; fingerprints,
/// which every new column changes, are left out on both sides, and so are indents of whole texts.
///
/// # Panics
///
/// With the lines that differ.
#[track_caller]
pub fn assert_contracts<D: Database>(cache: &Cache<D>, expected: &str) {
    let actual = cache.contracts().to_string();
    let (expected, actual) = (lines(expected), lines(&actual));
    if expected == actual {
        return;
    }
    let only = |these: &[String], those: &[String], sign: &str| {
        let missing = these.iter().filter(|line| !those.contains(line));
        missing.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    panic!(
        "the contracts have changed (-expected, +actual):\n{}{}all of them are now:\n{}",
        only(&expected, &actual, "-"),
        only(&actual, &expected, "+"),
        cache.contracts(),
    );
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("fingerprint "))
        .map(str::to_owned)
        .collect()
}
