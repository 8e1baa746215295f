//! What changes past the cache is found, counted and removed; what changes through it never is
//! taken for that. On every database, driver and store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::ports::{Event, Store};
use cache_runtime::testing::Recorder;
use cache_runtime::{Cache, Cached, Reconcile, Said, models};
use cache_tests::account::CREATE;
use cache_tests::databases::{Mysql, Postgres, Sqlite};
use cache_tests::modes::{aside, fenced, fenced_through, through};
use cache_tests::shapes::baskets::{self, Basket, BasketItem};
use cache_tests::stores::namespace;
use diesel::prelude::*;

diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
        seen -> BigInt,
    }
}

diesel::table! {
    books (id) {
        id -> BigInt,
        author -> BigInt,
        title -> Text,
    }
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = authors)]
#[cached(pattern = "cache_aside", ttl = "10m", negative_ttl = "10m", volatile(seen))]
struct Author {
    id: i64,
    name: String,
    seen: i64,
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = books)]
#[cached(
    pattern = "cache_aside",
    ttl = "10m",
    negative_ttl = "10m",
    unique(title),
    list(author, order_by = title, limit = 10)
)]
struct Book {
    id: i64,
    author: i64,
    title: String,
}

const TABLES: &[&str] = &[
    CREATE,
    baskets::CREATE,
    baskets::CREATE_ITEMS,
    "INSERT INTO baskets VALUES ('shop', 1)",
    "INSERT INTO basket_items VALUES ('shop', 1, 1, 5)",
    "CREATE TABLE authors (id BIGINT PRIMARY KEY, name VARCHAR(60) NOT NULL, seen BIGINT NOT NULL)",
    "CREATE TABLE books (id BIGINT PRIMARY KEY, author BIGINT NOT NULL, title VARCHAR(60) NOT NULL UNIQUE, FOREIGN KEY (author) REFERENCES authors (id) ON DELETE CASCADE)",
    "INSERT INTO authors VALUES (1, 'Ada', 0)",
    "INSERT INTO books VALUES (1, 1, 'Notes')",
    "INSERT INTO books VALUES (2, 1, 'Letters')",
];

/// What the servers call it.
trait Emptying {
    /// Before a DELETE that is to cascade.
    const CASCADE: &'static str = "";
    const EMPTY_BOOKS: &'static str = "TRUNCATE TABLE books";
}

impl Emptying for Sqlite {
    const CASCADE: &'static str = "PRAGMA foreign_keys = ON; ";
    const EMPTY_BOOKS: &'static str = "DELETE FROM books";
}

impl Emptying for Postgres {}
impl Emptying for Mysql {}

/// Every read, often, and with little patience.
fn eager() -> Reconcile {
    Reconcile::per_second(500).one_in(1).settle(Duration::from_millis(50))
}

/// Whether it came about in time. It is asked again and again, as clients do.
async fn soon(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

/// The kinds of entries that were found stale, of one model.
fn stale(recorder: &Recorder, model: &str) -> Vec<&'static str> {
    let of = |kind: &&str| {
        recorder.count(model, |event| match event {
            Event::StaleRead { entry, age } => {
                assert!(age.is_some_and(|age| age < Duration::from_secs(60)), "{age:?}");
                entry == kind
            }
            _ => false,
        }) > 0
    };
    ["row", "lookup", "list", "whole"].into_iter().filter(of).collect()
}

cache_tests::matrix!("reconcile/body.rs", TABLES);
