//! Domain events: whatever becomes of them on the way, what they told of is seen in the end. From the table
//! on every database, driver and store, and from a stream of Redis on one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::migrations::{Triggers, Written};
use cache_runtime::ports::{Event, Store};
use cache_runtime::testing::Recorder;
use cache_runtime::{Builder, Cache, Error, ErrorKind, Events, models};
use cache_tests::account::CREATE;
use cache_tests::databases::{Mysql, Postgres, Sqlite, migration};
use cache_tests::modes::taking::{Account, AccountRepository};
use cache_tests::modes::{aside, bounded};
use cache_tests::stores::namespace;
use diesel::prelude::*;

#[path = "events/stubborn.rs"]
mod stubborn;

#[path = "events/streams.rs"]
mod streams;

const TABLES: &[&str] = &[
    CREATE,
    "CREATE TABLE owners (id BIGINT PRIMARY KEY)",
    "CREATE TABLE owned (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, FOREIGN KEY (owner) REFERENCES owners (id) ON DELETE CASCADE)",
    "INSERT INTO accounts VALUES (1, 'a', 1)",
    "INSERT INTO accounts VALUES (2, 'b', 1)",
];

diesel::table! {
    owned (id) {
        id -> BigInt,
        owner -> BigInt,
    }
}

/// A row that goes with that of another table, of which the cache knows nothing.
#[derive(Queryable, cache_runtime::Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = owned)]
#[cached(pattern = "cache_aside", ttl = "10m", negative_ttl = "10m", bulk = 10)]
struct Owned {
    id: i64,
    owner: i64,
}

/// What the servers can do, and what they call it.
trait Telling {
    /// Before a DELETE that is to cascade. None where no trigger hears of that.
    const CASCADE: Option<&'static str>;
    /// Where a trigger hears of it.
    const TRUNCATE: Option<&'static str>;

    fn written(triggers: &Triggers) -> Written;
}

impl Telling for Sqlite {
    const CASCADE: Option<&'static str> = Some("PRAGMA foreign_keys = ON; ");
    const TRUNCATE: Option<&'static str> = Some("DELETE FROM accounts");

    fn written(triggers: &Triggers) -> Written {
        triggers.sqlite()
    }
}

impl Telling for Postgres {
    const CASCADE: Option<&'static str> = Some("");
    const TRUNCATE: Option<&'static str> = Some("TRUNCATE TABLE accounts");

    fn written(triggers: &Triggers) -> Written {
        triggers.postgres()
    }
}

impl Telling for Mysql {
    const CASCADE: Option<&'static str> = None;
    const TRUNCATE: Option<&'static str> = None;

    fn written(triggers: &Triggers) -> Written {
        triggers.mysql()
    }
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

/// Fills come after their answers.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

const OFTEN: Duration = Duration::from_millis(5);

/// Longer than a consumer needs to look again.
const A_WHILE: Duration = Duration::from_millis(100);

cache_tests::matrix!("events/body.rs", TABLES);
