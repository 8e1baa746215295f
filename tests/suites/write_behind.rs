//! What writing behind promises beside the anomalies, over every database, driver and store: that
//! a write is durable and read at once, that it comes into its row once and in order, that a row
//! which cannot be written holds up no other, and that a full outbox says so.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Event;
use cache_runtime::ports::{BoxError, Store};
use cache_runtime::testing::Recorder;
use cache_runtime::{Cache, Cached, ColumnValues, Error, ErrorKind, Fate, models};
use cache_tests::databases::migration;
use cache_tests::modes::{self, CREATE_VERSIONS};
use cache_tests::stores::namespace;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

const CREATE: &str = "CREATE TABLE page_stats (id BIGINT PRIMARY KEY NOT NULL, title VARCHAR(100) \
                      NOT NULL UNIQUE, views BIGINT NOT NULL CHECK (views < 1000000), score DOUBLE \
                      PRECISION NOT NULL, last_seen BIGINT, first_seen BIGINT)";

diesel::table! {
    page_stats (id) {
        id -> BigInt,
        title -> Text,
        views -> BigInt,
        score -> Double,
        last_seen -> Nullable<BigInt>,
        first_seen -> Nullable<BigInt>,
    }
}

diesel::table! {
    cache_outbox (stripe, seq) {
        stripe -> BigInt,
        seq -> BigInt,
        aggregate -> Text,
        payload -> Text,
    }
}

/// The model as most would declare it.
mod plain {
    use super::*;

    #[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq, Default)]
    #[diesel(table_name = page_stats)]
    #[cached(
        pattern = "write_behind",
        ttl = "1h",
        negative_ttl = "1h",
        merge(views = "add", last_seen = "max", first_seen = "min")
    )]
    pub struct PageStats {
        pub id: i64,
        pub title: String,
        pub views: i64,
        pub score: f64,
        pub last_seen: Option<i64>,
        pub first_seen: Option<i64>,
    }
}

/// One whose outbox takes little, and whose deltas make rows.
mod small {
    use super::*;

    #[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq, Default)]
    #[diesel(table_name = page_stats)]
    #[cached(
        pattern = "write_behind",
        ttl = "1h",
        merge(views = "add"),
        outbox(max_pending = 3, on_parked = "queue", on_missing = "insert")
    )]
    pub struct PageStats {
        pub id: i64,
        pub title: String,
        pub views: i64,
        pub score: f64,
        pub last_seen: Option<i64>,
        pub first_seen: Option<i64>,
    }
}

/// One that is told when its rows are read.
mod read {
    use super::*;

    #[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq, Default)]
    #[diesel(table_name = page_stats)]
    #[cached(
        pattern = "write_behind",
        ttl = "1h",
        touch_on_read(last_seen, every = "1h"),
        outbox(on_missing = "insert")
    )]
    pub struct PageStats {
        pub id: i64,
        pub title: String,
        pub views: i64,
        pub score: f64,
        pub last_seen: Option<i64>,
        pub first_seen: Option<i64>,
    }
}

/// One that is told of its reads, and of other programs.
mod watched {
    use cache_tests::modes::versions;

    use super::*;

    #[derive(Queryable, Insertable, Cached, Debug)]
    #[diesel(table_name = versions)]
    #[cached(pattern = "write_behind", ttl = "1h", version = version, on_conflict = "reject",
             touch_on_read(balance, every = "1h"))]
    pub struct Account {
        pub id: i64,
        pub email: String,
        pub balance: i64,
        pub version: i64,
    }
}

/// One whose writers wait for room.
mod patient {
    use super::*;

    #[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq, Default)]
    #[diesel(table_name = page_stats)]
    #[cached(
        pattern = "write_behind",
        ttl = "1h",
        consistency = "strict(fenced)",
        outbox(max_pending = 3, on_full = "wait")
    )]
    pub struct PageStats {
        pub id: i64,
        pub title: String,
        pub views: i64,
        pub score: f64,
        pub last_seen: Option<i64>,
        pub first_seen: Option<i64>,
    }
}

/// One that takes writes of a row which has parked ones, and looks at what they are based on.
mod queued {
    use cache_tests::modes::versions;

    use super::*;

    #[derive(Queryable, Insertable, Cached, Debug)]
    #[diesel(table_name = versions)]
    #[cached(pattern = "write_behind", ttl = "1h", version = version, on_conflict = "reject",
             outbox(on_parked = "queue"))]
    pub struct Account {
        pub id: i64,
        pub email: String,
        pub balance: i64,
        pub version: i64,
    }
}

/// The model of a later deploy: `heading` was renamed to `title`.
mod later {
    use super::*;

    fn upgrade(version: u32, values: &mut ColumnValues) -> Result<(), BoxError> {
        assert!(!values.has("panics"), "planted: only of an application whose code panics");
        assert_eq!(version, 1);
        values.rename("heading", "title");
        Ok(())
    }

    #[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq, Default)]
    #[diesel(table_name = page_stats)]
    #[cached(pattern = "write_behind", ttl = "1h", outbox(version = 2, upgrade = upgrade))]
    pub struct PageStats {
        pub id: i64,
        pub title: String,
        pub views: i64,
        pub score: f64,
        pub last_seen: Option<i64>,
        pub first_seen: Option<i64>,
    }
}

#[path = "write_behind/deferred.rs"]
mod deferred;
#[path = "write_behind/golden.rs"]
mod golden;

use plain::PageStats;

/// A process: its cache and its rows.
macro_rules! process {
    ($world:expr) => {
        process!($world, PageStats)
    };
    ($world:expr, $model:ty) => {
        process!($world, $model, Recorder::default())
    };
    ($world:expr, $model:ty, $told:expr) => {{
        let cache = Cache::builder($world.driver.clone())
            .shared_store($world.store.clone())
            .models(models![$model])
            .namespace($world.namespace.clone())
            .telemetry($told)
            // The SQLite of the tests does not wait for its disk.
            .accept_write_loss()
            .build()
            .await
            .unwrap();
        let rows = cache.repository::<$model>();
        (cache, rows)
    }};
}

fn page(id: i64, views: i64) -> PageStats {
    PageStats { id, title: format!("page {id}"), views, ..PageStats::default() }
}

diesel::table! {
    authors (id) {
        id -> BigInt,
    }
}

diesel::table! {
    books (id) {
        id -> BigInt,
        author -> BigInt,
    }
}

/// Rows that others refer to.
#[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq)]
#[diesel(table_name = authors)]
#[cached(pattern = "write_behind", ttl = "1h")]
pub struct Author {
    pub id: i64,
}

/// Rows that refer to them.
#[derive(Queryable, Insertable, Cached, Debug, Clone, PartialEq)]
#[diesel(table_name = books)]
#[cached(pattern = "write_behind", ttl = "1h")]
pub struct Book {
    pub id: i64,
    pub author: i64,
}

const CREATE_AUTHORS: &str = "CREATE TABLE authors (id BIGINT PRIMARY KEY NOT NULL)";
const CREATE_BOOKS: &str = "CREATE TABLE books (id BIGINT PRIMARY KEY NOT NULL, author BIGINT NOT NULL, \
                            FOREIGN KEY (author) REFERENCES authors (id))";

/// Why a transaction is undone.
fn unwanted() -> Error {
    Error::new(ErrorKind::Abandoned, "undone on purpose")
}

/// A row of which every program that writes it counts up the version.
fn account(balance: i64, version: i64) -> modes::behind_reject::Account {
    modes::behind_reject::Account { id: 1, email: "a".into(), balance, version }
}

cache_tests::matrix!(
    "write_behind/body.rs",
    &[
        CREATE,
        CREATE_VERSIONS,
        CREATE_AUTHORS,
        CREATE_BOOKS,
        migration::<Server>("cache_outbox").up
    ]
);
