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
#[cached(pattern = "cache_aside", ttl = "10")]
pub struct NoUnit {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = 10m)]
pub struct NoQuotes {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "0s")]
pub struct Nothing {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = 600)]
pub struct Number {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
