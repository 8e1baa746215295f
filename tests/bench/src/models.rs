//! A row of some hundred bytes, in one table for each side.

use cache_runtime::{Cached, WriteBehind};
use diesel::prelude::*;

diesel::table! {
    /// What plain Diesel writes.
    direct_pages (id) {
        id -> BigInt,
        title -> Text,
        views -> BigInt,
        score -> Double,
        last_seen -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// What is written behind.
    behind_pages (id) {
        id -> BigInt,
        title -> Text,
        views -> BigInt,
        score -> Double,
        last_seen -> Nullable<BigInt>,
    }
}

/// The columns of both.
pub(crate) const COLUMNS: &str = "id BIGINT PRIMARY KEY NOT NULL, title VARCHAR(100) NOT NULL, \
                                  views BIGINT NOT NULL, score DOUBLE PRECISION NOT NULL, last_seen BIGINT";

/// All columns of a row but its key: what a write changes.
#[derive(AsChangeset)]
#[diesel(table_name = direct_pages, treat_none_as_null = true)]
pub(crate) struct Direct {
    title: String,
    views: i64,
    score: f64,
    last_seen: Option<i64>,
}

impl Direct {
    pub(crate) fn new(id: i64, value: i64) -> Self {
        Self { title: title(id), views: value, score: score(value), last_seen: Some(value) }
    }
}

/// A model of `behind_pages`.
pub(crate) trait Page: Cached<Key = i64> + WriteBehind {
    fn new(id: i64, value: i64) -> Self;
    /// What was written last.
    fn value(&self) -> i64;
}

fn title(id: i64) -> String {
    format!("page {id} of all those that are counted here")
}

#[allow(clippy::cast_precision_loss, reason = "values are small")]
fn score(value: i64) -> f64 {
    value as f64 / 2.0
}

macro_rules! pages {
    ($($(#[$doc:meta])* $module:ident: ($($cached:tt)*);)*) => {$(
        $(#[$doc])*
        pub(crate) mod $module {
            use super::*;

            #[derive(Queryable, Insertable, Cached)]
            #[diesel(table_name = behind_pages)]
            #[cached(pattern = "write_behind", ttl = "1h", $($cached)*)]
            pub(crate) struct Page {
                id: i64,
                title: String,
                views: i64,
                score: f64,
                last_seen: Option<i64>,
            }

            impl super::Page for Page {
                fn new(id: i64, value: i64) -> Self {
                    let (title, score) = (title(id), score(value));
                    Self { id, title, views: value, score, last_seen: Some(value) }
                }

                fn value(&self) -> i64 {
                    self.views
                }
            }
        }
    )*};
}

pages! {
    /// With an outbox that takes all that a figure leaves pending.
    deep: (outbox(max_pending = 4_000_000, max_age = "1h"));
    /// With an outbox that lets its writers wait.
    bounded: (outbox(max_pending = 50_000, max_age = "1h", on_full = "wait"));
}
