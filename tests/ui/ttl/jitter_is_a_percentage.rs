use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = "10")]
pub struct NoPercent {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = "91%")]
pub struct TooMuch {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = "-1%")]
pub struct Negative {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = 10)]
pub struct Number {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
