//! What the two applications differ in, counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cache_tests::source::{files, workspace};

/// The files of one of the applications, by their name within it.
fn sources(side: &str) -> BTreeMap<String, String> {
    let folder = workspace().join("examples/adoption").join(side);
    let named = |path: &Path| path.strip_prefix(&folder).unwrap().display().to_string();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    files(&folder, &[".rs"]).iter().map(|path| (named(path), read(path))).collect()
}

/// How many lines stay as they are, in order: all others are removed or added.
fn kept(before: &[&str], after: &[&str]) -> usize {
    let mut row = vec![0; after.len() + 1];
    for line in before {
        let mut diagonal = 0;
        for (at, other) in after.iter().enumerate() {
            let longest = if line == other { diagonal + 1 } else { row[at].max(row[at + 1]) };
            diagonal = row[at + 1];
            row[at + 1] = longest;
        }
    }
    row[after.len()]
}

/// The functions of the services, by name, with their bodies.
fn functions(sources: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (file, text) in sources.iter().filter(|(file, _)| file.starts_with("services/")) {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(rest) = line.strip_prefix("    pub fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            if name == "new" {
                continue;
            }
            let end = lines[at..].iter().position(|line| *line == "    }").unwrap();
            found.insert(format!("{file} {name}"), lines[at..at + end].join("\n"));
        }
    }
    found
}

/// The models that `after` caches.
pub fn cached_models() -> Vec<String> {
    let mut models = Vec::new();
    for text in sources("after").values() {
        let mut cached = false;
        for line in text.lines() {
            if line.starts_with("#[cached(pattern") {
                cached = true;
            } else if let Some(name) = line.strip_prefix("pub struct ").filter(|_| cached) {
                models.push(name.split([' ', '(']).next().unwrap_or_default().to_owned());
                cached = false;
            }
        }
    }
    models
}

/// What the page must say, in its words.
pub fn sentences() -> [String; 3] {
    let (before, after) = (sources("before"), sources("after"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let (mut total, mut removed, mut added, mut touched) = (0, 0, 0, 0);
    for (name, old) in &before {
        let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), after[name].lines().collect());
        let kept = kept(&old, &new);
        total += old.len();
        removed += old.len() - kept;
        added += new.len() - kept;
        touched += usize::from(old != new);
    }
    let (was, is) = (functions(&before), functions(&after));
    let changed = was.iter().filter(|(name, body)| is.get(*name) != Some(body)).count();
    let schema = fs::read_to_string(workspace().join("examples/adoption/schema.rs")).unwrap();
    let tables = schema.matches("diesel::table! {").count();
    [
        format!("{} of {tables} models are cached", cached_models().len()),
        format!("{changed} of {} service functions changed", was.len()),
        format!(
            "{removed} of {total} lines went and {added} came, in {touched} of {} files",
            before.len()
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_in_order() {
        assert_eq!(kept(&["a", "b", "c"], &["a", "c", "b"]), 2);
        assert_eq!(kept(&["a", "b"], &["x", "a", "y", "b", "z"]), 2);
        assert_eq!(kept(&["a"], &[]), 0);
    }

    #[test]
    fn functions_are_found_with_their_bodies() {
        let text =
            "impl R {\n    pub fn a(&self) {\n        b();\n    }\n\n    pub fn new() {\n    }\n}";
        let found = functions(&[("services/x.rs".to_owned(), text.to_owned())].into());
        assert_eq!(found.len(), 1);
        assert_eq!(found["services/x.rs a"], "    pub fn a(&self) {\n        b();");
    }
}
