//! What is written behind: rows that are only inserted, counters that are only summed up, and rows
//! whose version only grows. What the database refuses of them it refuses by a CHECK.

use cache_runtime::Cached;
use diesel::prelude::*;

/// How many sheets there are.
pub(crate) const SHEETS: usize = 64;
/// How many counters.
pub(crate) const COUNTERS: usize = 4096;
/// So many of them, one after the other, are in use at a time.
pub(crate) const WINDOW: usize = 64;
/// So many lives of processes use the same.
const LIVES: usize = 8;
/// A counter that is summed up past this is refused, and parked.
pub(crate) const LIMIT: i64 = 1 << 50;
/// How many counters, the last ones of a window, are now and then sent past the limit.
pub(crate) const POISONED: usize = 2;

/// The first counter that a life uses. They change, so that of each there are few writes of which nobody
/// knows: then it can be told which of them are in it.
pub(crate) fn window(life: u32) -> usize {
    (life as usize / LIVES * WINDOW) % COUNTERS
}

diesel::table! {
    entries (id) {
        id -> BigInt,
        good -> BigInt,
    }
}

diesel::table! {
    counters (id) {
        id -> BigInt,
        number -> BigInt,
        total -> BigInt,
    }
}

diesel::table! {
    sheets (id) {
        id -> BigInt,
        version -> BigInt,
        good -> BigInt,
    }
}

/// Inserted once, and never changed. Enqueued also where the store is away.
#[derive(Queryable, Insertable, Cached, Debug, Clone)]
#[diesel(table_name = entries)]
#[cached(pattern = "write_behind", ttl = "2s", negative_ttl = "2s")]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) good: i64,
}

/// Summed up by all processes: each write adds one to the number, and its own weight to the total.
#[derive(Queryable, Insertable, Cached, Debug, Clone)]
#[diesel(table_name = counters)]
#[cached(
    pattern = "write_behind",
    ttl = "2s",
    consistency = "strict(fenced)",
    merge(number = "add", total = "add"),
    outbox(on_parked = "queue")
)]
pub(crate) struct Counter {
    pub(crate) id: i64,
    pub(crate) number: i64,
    pub(crate) total: i64,
}

/// Written as a whole, each time with the next version, by whichever process has its lock.
#[derive(Queryable, Insertable, Cached, Debug, Clone)]
#[diesel(table_name = sheets)]
#[cached(
    pattern = "write_behind",
    ttl = "2s",
    consistency = "strict(fenced)",
    outbox(on_parked = "queue")
)]
pub(crate) struct Sheet {
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) good: i64,
}

/// The tables, with a row for each counter and sheet.
pub(crate) fn tables() -> String {
    let rows = |count: usize, after: &str| {
        let rows: Vec<String> = (0..count).map(|id| format!("({id}, {after})")).collect();
        rows.join(", ")
    };
    format!(
        "CREATE TABLE entries (id BIGINT PRIMARY KEY NOT NULL, good BIGINT NOT NULL CHECK (good = 1)); \
         CREATE TABLE counters (id BIGINT PRIMARY KEY NOT NULL, number BIGINT NOT NULL, total BIGINT \
         NOT NULL CHECK (total < {LIMIT})); \
         CREATE TABLE sheets (id BIGINT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, good BIGINT \
         NOT NULL CHECK (good = 1)); \
         INSERT INTO counters VALUES {}; INSERT INTO sheets VALUES {};",
        rows(COUNTERS, "0, 0"),
        rows(SHEETS, "0, 1")
    )
}
