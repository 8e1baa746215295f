//! `docs/TYPES.md` says of each type what this suite does with it, and of no other.

use std::collections::BTreeSet;

use cache_tests::source::workspace;

use crate::columns::Type;
use crate::{mysql, postgres, sqlite};

/// A database, a type in it, one in Rust, and the module in `with`.
type Row = (String, String, String, String);

fn row(database: &str, sql: &str, rust: &str, with: &str) -> Row {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    // time's types share names with others'.
    let rust = ["serde_json::", "bigdecimal::", "chrono::"]
        .iter()
        .fold(plain(rust), |rust, path| rust.replace(path, ""));
    (database.to_owned(), plain(sql), rust, with.to_owned())
}

/// The page says of these what it says of any type of an application's own.
const OWN: [&str; 5] = ["Meters", "Mood", "Link", "Secret", "Limit"];

fn listed() -> BTreeSet<Row> {
    let lists: [(&str, &[&[Type]]); 3] = [
        ("SQLite", &[sqlite::numbers::TYPES, sqlite::others::TYPES]),
        (
            "PostgreSQL",
            &[postgres::scalars::TYPES, postgres::times::TYPES, postgres::composed::TYPES],
        ),
        ("MySQL", &[mysql::numbers::TYPES, mysql::others::TYPES]),
    ];
    let mut rows = BTreeSet::new();
    for (database, lists) in lists {
        let of_others = |it: &&Type| !OWN.iter().any(|own| it.rust.contains(own));
        for it in lists.iter().copied().flatten().filter(of_others) {
            let with = it.attribute.trim_matches(['(', ')']).replace("with = ", "");
            rows.insert(row(database, it.sql, it.rust, with.trim()));
        }
    }
    rows
}

/// The rows of the tables: below the heading of each database, `| SQL | Rust | what to write |`.
fn documented(page: &str) -> BTreeSet<Row> {
    let (mut rows, mut database) = (BTreeSet::new(), "");
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            database = heading.split_whitespace().next().unwrap_or_default();
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [sqls, rusts, write] = cells.as_slice() else { continue };
        let of_a_database = ["SQLite", "PostgreSQL", "MySQL"].contains(&database);
        if !of_a_database || !line.starts_with("| `") {
            continue;
        }
        let code = |cell: &str| -> Vec<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let with = code(write).first().map_or_else(String::new, |it| it.replace("with = ", ""));
        for sql in code(sqls) {
            for rust in code(rusts) {
                rows.insert(row(database, &sql, &rust, &with));
            }
        }
    }
    rows
}

#[test]
fn the_page_says_what_is_tested() {
    let page = std::fs::read_to_string(workspace().join("docs/TYPES.md")).expect("docs/TYPES.md");
    let (listed, documented) = (listed(), documented(&page));
    let lines = |rows: Vec<&Row>| rows.iter().map(|it| format!("{it:?}\n")).collect::<String>();
    let missing = lines(listed.difference(&documented).collect());
    let untested = lines(documented.difference(&listed).collect());
    assert!(
        missing.is_empty() && untested.is_empty(),
        "not there:\n{missing}\nnot tested:\n{untested}"
    );
    assert!(listed.len() > 90, "only {} types", listed.len());
}

#[test]
fn a_row_too_many_is_found() {
    let page = "## SQLite\n\n| `Text`, `Json` | `Value` | `with = with::json` |\n| `Bool` | `bool` | nothing |\n\n\
                ## The modules\n\n| `with::pg` | `PgMoney` | `postgres` |\n";
    let rows = documented(page);
    let is = |sql, rust, with| rows.contains(&row("SQLite", sql, rust, with));
    assert!(is("Json", "serde_json :: Value", "with::json") && is("Bool", "bool", ""));
    assert_eq!(rows.len(), 3);
}
