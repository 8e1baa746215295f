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
#[cached(pattern = "cache_aside", ttl = "10m", backends(oracle, sqlite, sqlite))]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends = sqlite)]
pub struct Other {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
