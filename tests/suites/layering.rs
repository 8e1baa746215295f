//! Imports of the runtime go strictly downward.
//!
//! values, with <- ports <- adapters <- engine <- patterns <- facade <- testing <- lib: a file
//! may name its own layer and those before it. An adapter names no other
//! adapter. `private.rs`, `lib.rs` and the program stand above all of them.

use std::fs;

use cache_tests::source::{Token, files, tokens, workspace};

/// From the lowest. What shares a row may name each other.
const LAYERS: [&[&str]; 8] = [
    &["values", "with"],
    &["ports"],
    &["adapters"],
    &["engine"],
    &["patterns", "outbox"],
    &["facade"],
    &["testing"],
    &["lib", "private", "prelude", "migrations", "bin"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// The modules of a file: `engine/flight.rs` is `[engine, flight]`.
fn modules(file: &str) -> Vec<String> {
    let mut path: Vec<String> =
        file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// Every path of `tokens` that names a module of the crate, from the root of
/// the crate, by its first two segments, with its line.
fn paths(file: &str, tokens: &[Token]) -> Vec<(Vec<String>, usize)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut here = modules(file);
    if matches!(file, "lib.rs" | "private.rs") {
        here.clear();
    }
    let (mut inline, mut depth) = (Vec::<usize>::new(), 0_usize);
    let (mut at, mut found) = (0, Vec::new());
    while at < tokens.len() {
        match text(at) {
            "mod" if text(at + 2) == "{" => {
                here.push(text(at + 1).to_owned());
                depth += 1;
                inline.push(depth);
                at += 3;
                continue;
            }
            "{" => depth += 1,
            "}" => {
                if inline.last() == Some(&depth) {
                    inline.pop();
                    here.pop();
                }
                depth = depth.saturating_sub(1);
            }
            first @ ("crate" | "super" | "self") if text(at + 1) == "::" => {
                let line = tokens[at].line;
                let mut base = if first == "crate" { Vec::new() } else { here.clone() };
                if first == "super" {
                    base.pop();
                }
                at += 2;
                while text(at) == "super" && text(at + 1) == "::" {
                    base.pop();
                    at += 2;
                }
                tree(tokens, &mut at, &base, line, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// A path, or a group of paths in braces, below `base`; two segments decide.
fn tree(
    tokens: &[Token],
    at: &mut usize,
    base: &[String],
    line: usize,
    found: &mut Vec<(Vec<String>, usize)>,
) {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    if text(*at) == "{" {
        *at += 1;
        while *at < tokens.len() && text(*at) != "}" {
            if text(*at) == "," {
                *at += 1;
                continue;
            }
            tree(tokens, at, base, tokens[*at].line, found);
        }
        *at += 1;
        return;
    }
    let mut path = base.to_vec();
    loop {
        if text(*at) != "self" {
            path.push(text(*at).to_owned());
        }
        *at += 1;
        if text(*at) != "::" || text(*at + 1) == "<" {
            break;
        }
        *at += 1;
        if text(*at) == "{" {
            return tree(tokens, at, &path, line, found);
        }
    }
    if text(*at) == "as" {
        *at += 2;
    }
    found.push((path, line));
}

/// What a file may not name.
fn faults(file: &str, text: &str) -> Vec<String> {
    let from = modules(file);
    let Some(own) = from.first().and_then(|module| layer(module)) else {
        return vec![format!(
            "{file}: this module is in no layer; give it one in tests/suites/layering.rs"
        )];
    };
    let mut faults = Vec::new();
    for (path, line) in paths(file, &tokens(text)) {
        let Some(top) = path.first() else { continue };
        // What is no layer is an item of the crate's root: a re-export.
        let named = layer(top).unwrap_or(LAYERS.len() - 1);
        let shown = path.join("::");
        if named > own {
            faults.push(format!(
                "{file}:{line}: {} names `{shown}`, which is above it; imports go downward only",
                from[0]
            ));
        } else if top == "adapters"
            && from[0] == "adapters"
            && from.len() > 1
            && path.get(1).is_some_and(|other| *other != from[1])
        {
            faults.push(format!("{file}:{line}: an adapter names `{shown}`, another adapter"));
        }
    }
    faults
}

#[test]
fn imports_go_downward() {
    let root = workspace().join("cache-runtime/src");
    let (mut found, mut read, mut named) = (Vec::new(), 0, 0);
    for path in files(&root, &[".rs"]) {
        let file =
            path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&path).expect("a source file");
        named += paths(&file, &tokens(&text)).len();
        found.extend(faults(&file, &text));
        read += 1;
    }
    assert!(
        read > 15 && named > 20,
        "read {read} files with {named} paths: the check sees too little"
    );
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_planted_upward_import_is_found() {
    let planted = [
        ("values/key.rs", "use crate::ports::store::Store;"),
        ("ports/store.rs", "use crate::adapters::memory::Memory;"),
        ("ports/store.rs", "use super::super::engine::Engine;"),
        (
            "adapters/memory.rs",
            "use crate::{\n    values::key::Key,\n    engine::flight::Flight,\n};",
        ),
        ("engine/flight.rs", "fn f() { let x = crate::facade::Cache::new(); }"),
        ("engine/flight.rs", "use crate::patterns::{cache_aside as aside};"),
        ("engine/flight.rs", "use crate::outbox::Row;"),
        ("patterns/cache_aside.rs", "fn f() -> crate::facade::repository::Repository<u8> { g() }"),
        ("patterns/cache_aside.rs", "use crate::Error;"),
        ("facade/cache.rs", "use crate::__private::Model;"),
        ("facade/cache.rs", "use crate::testing::ManualClock;"),
        ("values/mod.rs", "use super::ports::store::Store;"),
        ("values/key.rs", "mod tests { use super::super::super::ports::store::Store; }"),
        ("values/key.rs", "macro_rules! m { () => { $crate::engine::go() }; }"),
        ("adapters/redis/script.rs", "use crate::adapters::memory::Memory;"),
        ("adapters/redis.rs", "use super::memory::Memory;"),
        ("adapters/redis.rs", "use super::{memory::Memory};"),
        ("novel/thing.rs", "fn f() {}"),
    ];
    for (file, text) in planted {
        assert_eq!(faults(file, text).len(), 1, "{file}: {text}: {:?}", faults(file, text));
    }
}

#[test]
fn a_downward_import_is_no_fault() {
    let sound = [
        ("ports/store.rs", "use crate::values::key::{Key, KeyParts};\nuse super::BoxFuture;"),
        ("ports/mod.rs", "use crate::values::error::Result; pub(crate) mod store;"),
        (
            "values/key.rs",
            "/// See [`Key`](crate::Key).\n// use crate::engine::X;\nconst A: &str = \"crate::facade\";",
        ),
        ("values/key.rs", "mod tests { use super::*; use super::super::error::Error; }"),
        ("values/key.rs", "impl A { fn f(self) { self.g() } }"),
        ("adapters/redis/script.rs", "use super::connection::X; use crate::adapters::redis::Y;"),
        ("adapters/mod.rs", "pub(crate) use self::redis::Redis;"),
        ("engine/flight.rs", "use crate::ports::store::Store; use crate::engine::tiers::Tier;"),
        ("patterns/cache_aside.rs", "use crate::outbox::Row;"),
        (
            "facade/cache.rs",
            "use crate::{engine::E, adapters::{memory::M, redis::R}, values::error::Result};",
        ),
        ("testing/mod.rs", "mod clock; use crate::{facade::cache::Cache, adapters::memory::M};"),
        ("private.rs", "pub use crate::facade::repository::Repository;"),
        ("lib.rs", "pub use crate::facade::Cache; mod values;"),
    ];
    for (file, text) in sound {
        assert!(faults(file, text).is_empty(), "{file}: {:?}", faults(file, text));
    }
}
