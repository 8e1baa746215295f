//! The examples run, and the quickstart resolves the same rows on every database and store.

use std::path::Path;

use cache_tests::{cargo, mysql_url, postgres_url, redis_url};

/// Of every row that January's 27,004 flights resolve to, in order.
const DIGEST: &str = "digest 709c9e9f7f876e41";

fn example(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = cargo()
        .args(["run", "--quiet", "--example"])
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn quickstart(arguments: &[&str]) {
    let report = example(arguments);
    println!("{report}");
    assert!(report.contains(DIGEST), "{report}");
    assert!(
        report.contains("counters 3149 planes, 186 routes (equal to a plain count)"),
        "{report}"
    );
    let flights = report.lines().find(|line| line.starts_with("flights")).unwrap();
    assert!(flights.ends_with("27004"), "{flights}");
}

#[test]
fn quickstart_on_the_embedded_default() {
    quickstart(&["quickstart"]);
}

fn quickstart_on(database: &str, more: &[&str]) {
    // One selection of features for all databases, so that one build serves them.
    let options = ["quickstart", "--all-features", "--"];
    quickstart(&[&options[..], &["--database", database, "--redis", &redis_url()], more].concat());
}

#[test]
fn quickstart_on_postgres_and_redis() {
    quickstart_on(&postgres_url(), &[]);
}

#[test]
fn quickstart_on_mariadb_and_redis() {
    // The MariaDB of the tests does not wait for its disk.
    quickstart_on(&mysql_url(), &["--accept-write-loss"]);
}

#[test]
fn prometheus_prints_hits_and_misses() {
    let text = example(&["prometheus"]);
    for line in [
        "cache_hits_total{model=\"Setting\",tier=\"in_process\"} 2",
        "cache_negative_hits_total{model=\"Setting\",tier=\"in_process\"} 2",
        "cache_misses_total{model=\"Setting\",tier=\"in_process\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
