//! What the workspace depends on: licences, banned crates, and which parts a
//! choice of features pulls in. The lists are those of `deny.toml`.

use std::collections::BTreeSet;
use std::process::Command;
use std::{env, fs};

use cache_tests::source::workspace;
use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(workspace())
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo {} failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo answers in UTF-8")
}

fn metadata() -> Value {
    let text = cargo(&["metadata", "--format-version", "1", "--locked", "--all-features"]);
    serde_json::from_str(&text).expect("cargo metadata answers in JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The quoted strings of one array of `deny.toml`, with its comments left out.
fn denied_or_allowed(section: &str, array: &str) -> Vec<String> {
    let deny = fs::read_to_string(workspace().join("deny.toml")).expect("deny.toml");
    let mut found = Vec::new();
    let (mut in_section, mut in_array) = (false, false);
    for line in deny.lines().map(str::trim) {
        if in_array && line == "]" {
            break;
        } else if in_array && !line.starts_with('#') {
            found.extend(line.split('"').nth(1).map(str::to_owned));
        } else if line.starts_with('[') {
            in_section = line == format!("[{section}]");
        } else if in_section && line == format!("{array} = [") {
            in_array = true;
        }
    }
    assert!(!found.is_empty(), "deny.toml has no {array} in [{section}]");
    found
}

/// Whether an SPDX expression can be met with the allowed licences alone.
fn may_use(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allowed);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        // Read in any case, so that the rest of the expression is passed.
        let other = both(words, at, allowed);
        met |= other;
    }
    met
}

fn both(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        let other = one(words, at, allowed);
        met &= other;
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = either(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
    }
    allowed.contains(&name)
}

#[test]
fn every_licence_is_allowed() {
    let allowed = denied_or_allowed("licenses", "allow");
    let metadata = metadata();
    let packages = list(&metadata, "packages");
    assert!(packages.len() > 50, "only {} packages were read", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !may_use(text(package, "license"), &allowed))
        .map(|package| {
            let (name, version) = (text(package, "name"), text(package, "version"));
            format!("{name} {version}: `{}`", text(package, "license"))
        })
        .collect();
    assert!(refused.is_empty(), "not allowed by deny.toml:\n{}", refused.join("\n"));
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "Apache-2.0 AND ISC",
        "(MIT OR GPL-3.0) AND ISC",
    ] {
        assert!(may_use(good, &allowed), "{good}");
    }
    assert!(may_use("Apache-2.0 WITH LLVM-exception OR GPL-3.0", &allowed));
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT GPL-3.0", "MIT WITH GPL-thing"] {
        assert!(!may_use(bad, &allowed), "{bad}");
    }
}

#[test]
fn no_crate_is_banned() {
    let banned = denied_or_allowed("bans", "deny");
    let metadata = metadata();
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        // A ban of some versions alone is cargo-deny's to judge.
        assert!(!banned.iter().any(|other| other == name), "{name} is banned by deny.toml");
    }
}

/// What the standard library holds by now is no direct dependency of ours.
#[test]
fn no_member_depends_on_what_std_has() {
    const IN_STD: [&str; 5] = ["lazy_static", "once_cell", "async-trait", "num_cpus", "cfg-if"];
    let metadata = metadata();
    let members: BTreeSet<&str> =
        list(&metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    assert!(members.len() >= 3, "{members:?}");
    for package in list(&metadata, "packages") {
        if !members.contains(text(package, "id")) {
            continue;
        }
        for dependency in list(package, "dependencies") {
            let name = text(dependency, "name");
            assert!(!IN_STD.contains(&name), "{} depends on {name}", text(package, "name"));
        }
    }
}

/// Later versions are other formats or empty; the advisory says why it stays.
#[test]
fn bincode_is_pinned_with_its_exception() {
    let metadata = metadata();
    let versions: Vec<&str> = list(&metadata, "packages")
        .iter()
        .filter(|package| text(package, "name") == "bincode")
        .map(|package| text(package, "version"))
        .collect();
    assert_eq!(versions, ["2.0.1"]);
    for package in list(&metadata, "packages") {
        for dependency in list(package, "dependencies") {
            if text(package, "name") == "cache-runtime" && text(dependency, "name") == "bincode" {
                assert_eq!(text(dependency, "req"), "=2.0.1");
            }
        }
    }
    let exceptions = denied_or_allowed("advisories", "ignore");
    assert_eq!(exceptions, ["RUSTSEC-2025-0141"], "an exception is argued for in deny.toml");
}

/// `name version features` of all that cache-runtime builds with.
fn tree(features: &[&str]) -> Vec<String> {
    let mut arguments = vec!["tree", "--locked", "-p", "cache-runtime", "--target", "all"];
    arguments.extend(["-e", "normal,build", "--prefix", "none", "--format", "{p} [{f}]"]);
    arguments.extend(features);
    let lines: Vec<String> = cargo(&arguments).lines().map(str::to_owned).collect();
    assert!(
        lines.iter().any(|line| line.starts_with("diesel v")),
        "no diesel in the tree: {lines:?}"
    );
    lines
}

fn holds(tree: &[String], name: &str) -> bool {
    tree.iter().any(|line| line.split(' ').next() == Some(name))
}

fn diesel_features(tree: &[String]) -> BTreeSet<String> {
    tree.iter()
        .filter(|line| line.starts_with("diesel v"))
        .filter_map(|line| line.rsplit_once('[')?.1.strip_suffix(']'))
        .flat_map(|features| features.split(','))
        .map(str::to_owned)
        .collect()
}

const CLIENTS: [&str; 4] = ["libsqlite3-sys", "pq-sys", "mysqlclient-sys", "libmariadb-sys"];

#[test]
fn no_backend_by_default() {
    let tree = tree(&[]);
    for client in CLIENTS {
        assert!(!holds(&tree, client), "the default features pull in {client}");
    }
    let features = diesel_features(&tree);
    for backend in ["sqlite", "postgres", "postgres_backend", "mysql", "mysql_backend"] {
        assert!(!features.contains(backend), "the default features turn on diesel/{backend}");
    }
    assert!(
        holds(&tree, "redis") && holds(&tree, "bincode"),
        "the check sees the default features"
    );
}

/// Types of other crates come by the feature of the crate's name, and each alone; serde_json is there
/// in any case, as pending writes are JSON.
#[test]
fn no_crate_of_types_by_default() {
    let crates = ["uuid", "chrono", "time", "ipnetwork", "ipnet", "bigdecimal"];
    for feature in crates {
        let tree = tree(&["--no-default-features", "--features", feature]);
        for name in crates {
            assert_eq!(holds(&tree, name), name == feature, "`{feature}` and {name}");
        }
    }
    let tree = tree(&[]);
    for name in crates {
        assert!(!holds(&tree, name), "the default features pull in {name}");
    }
}

#[test]
fn postgres_alone_needs_no_sqlite() {
    let tree =
        tree(&["--no-default-features", "--features", "postgres,r2d2,diesel-async,redis,bincode"]);
    for other in ["libsqlite3-sys", "mysqlclient-sys", "mysql_async"] {
        assert!(!holds(&tree, other), "PostgreSQL alone pulls in {other}");
    }
    let features = diesel_features(&tree);
    assert!(features.contains("postgres_backend"), "{features:?}");
    for other in ["sqlite", "mysql", "mysql_backend"] {
        assert!(!features.contains(other), "PostgreSQL alone turns on diesel/{other}");
    }
}

/// Nor the client's library: an application on `AsyncMysqlConnection` has none.
#[test]
fn mysql_alone_needs_no_other() {
    let tree = tree(&["--no-default-features", "--features", "mysql,r2d2,diesel-async"]);
    for other in CLIENTS.iter().chain(&["tokio-postgres"]) {
        assert!(!holds(&tree, other), "MySQL alone pulls in {other}");
    }
    let features = diesel_features(&tree);
    assert!(features.contains("mysql_backend"), "{features:?}");
    for other in ["sqlite", "postgres", "postgres_backend"] {
        assert!(!features.contains(other), "MySQL alone turns on diesel/{other}");
    }
}

/// The other way round shows that the check would see it.
#[test]
fn sqlite_alone_needs_no_postgres() {
    let tree = tree(&["--no-default-features", "--features", "sqlite,r2d2"]);
    assert!(holds(&tree, "libsqlite3-sys"));
    for other in ["pq-sys", "tokio-postgres", "redis", "bincode", "diesel-async"] {
        assert!(!holds(&tree, other), "SQLite alone pulls in {other}");
    }
}
