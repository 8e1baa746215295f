//! Rules of the house that no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cache_runtime::guard::Guard;
use cache_tests::source::{files, tokens, without_tests, workspace};

/// Longer files hold more than one thing.
const LONGEST: usize = 450;

const FOLDERS: [&str; 5] = ["cache-derive", "cache-runtime", "examples", "tests", ".ci"];

/// What `docs/GUARDS.md` leaves out: guards without a row, and anomalies without a guard.
fn unguarded(text: &str, guards: &[&str]) -> Vec<String> {
    let cells = |row: &'_ str| -> Option<(String, String)> {
        let mut cells = row.trim_matches('|').split('|');
        Some((cells.next()?.to_owned(), cells.next_back()?.to_owned()))
    };
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let (names, numbers): (Vec<String>, Vec<String>) = rows.filter_map(cells).unzip();
    let named: BTreeSet<&str> = names
        .iter()
        .flat_map(|cell| cell.split(','))
        .map(|it| it.trim().trim_matches('`'))
        .collect();
    let stopped: BTreeSet<&str> =
        numbers.iter().flat_map(|cell| cell.split(',')).map(str::trim).collect();
    let anomalies = text.lines().filter_map(|line| {
        let (number, _) = line.split_once(". ")?;
        number.parse::<u32>().is_ok().then_some(number)
    });
    let mut faults: Vec<String> = anomalies
        .filter(|number| !stopped.contains(number))
        .map(|number| format!("docs/GUARDS.md: no guard stops anomaly {number}"))
        .collect();
    let missing = guards.iter().filter(|guard| !named.contains(*guard));
    faults.extend(missing.map(|guard| format!("docs/GUARDS.md: no row for `{guard}`")));
    faults
}

/// Written apart, so that this file does not hold them.
fn banned() -> [String; 4] {
    [["to", "do!("], ["FIX", "ME"], ["#[", "ignore"], ["unimple", "mented!("]]
        .map(|part| part.concat())
}

fn in_a_file(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        faults.push(format!("{name}: {lines} lines; split it, {LONGEST} are the limit"));
    }
    for (at, line) in text.lines().enumerate() {
        for word in banned() {
            if line.contains(&word) {
                faults.push(format!("{name}:{}: `{word}` is not left in the tree", at + 1));
            }
        }
    }
    faults
}

fn unwraps(name: &str, text: &str) -> Vec<String> {
    let tokens = without_tests(&tokens(text));
    let mut faults = Vec::new();
    for three in tokens.windows(3) {
        if three[0].text == "unwrap" && three[1].text == "(" && three[2].text == ")" {
            faults.push(format!(
                "{name}:{}: `unwrap()` outside tests; return an error that says what to do",
                three[0].line
            ));
        }
    }
    faults
}

fn read(path: &Path) -> (String, String) {
    let name = path.strip_prefix(workspace()).unwrap_or(path).display().to_string();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    (name, text)
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn files_are_short_and_finished() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for folder in FOLDERS {
        for path in files(&workspace().join(folder), &[".rs", ".sh", "/run"]) {
            let (name, text) = read(&path);
            faults.extend(in_a_file(&name, &text));
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} files were read");
    none(&faults);
}

#[test]
fn sources_do_not_unwrap() {
    let mut faults = Vec::new();
    for folder in ["cache-derive/src", "cache-runtime/src"] {
        for path in files(&workspace().join(folder), &[".rs"]) {
            let (name, text) = read(&path);
            // A test module that moved beside its file.
            if name.ends_with("tests.rs") || name.contains("/tests/") {
                continue;
            }
            faults.extend(unwraps(&name, &text));
        }
    }
    none(&faults);
}

/// `autotests` is off, so that a file without its entry would never run.
#[test]
fn every_suite_is_declared() {
    let (_, manifest) = read(&workspace().join("tests/Cargo.toml"));
    let declared: BTreeSet<String> = manifest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("path = \"suites/")?.strip_suffix(".rs\""))
        .map(str::to_owned)
        .collect();
    let present: BTreeSet<String> = fs::read_dir(workspace().join("tests/suites"))
        .expect("tests/suites")
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    assert_eq!(declared, present, "left: [[test]] in tests/Cargo.toml, right: tests/suites");
}

#[test]
fn every_anomaly_has_a_guard() {
    let (_, text) = read(&workspace().join("docs/GUARDS.md"));
    assert!(text.lines().filter(|line| line.starts_with("42. ")).count() == 1);
    let guards: Vec<&str> = Guard::ALL.iter().map(|(_, name)| *name).collect();
    none(&unguarded(&text, &guards));
}

#[test]
fn planted_faults_are_found() {
    let text = "| `one`, `two` | stops | 1, 2 |\n\n1. First.\n2. Second.\n3. Third.\n";
    assert_eq!(
        unguarded(text, &["one", "two", "three"]),
        ["docs/GUARDS.md: no guard stops anomaly 3", "docs/GUARDS.md: no row for `three`"]
    );
    for word in banned() {
        assert_eq!(in_a_file("planted.rs", &format!("fn a() {{}}\n{word}")).len(), 1, "{word}");
    }
    assert_eq!(in_a_file("planted.rs", &"\n".repeat(LONGEST + 1)).len(), 1);
    assert_eq!(in_a_file("planted.rs", &"\n".repeat(LONGEST)).len(), 0);

    assert_eq!(unwraps("planted.rs", "fn a() { b()\n.unwrap(); }").len(), 1);
    let allowed =
        "// x.unwrap()\nfn a() { b.unwrap_or(1); }\n#[cfg(test)] mod t { fn c() { d.unwrap(); } }";
    assert_eq!(unwraps("planted.rs", allowed).len(), 0);
}
