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
#[cached(pattern = "cache_aside", ttl = "10m", key(tail))]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes, primary_key(id, tail))]
#[cached(pattern = "cache_aside", ttl = "10m", unique(id))]
pub struct Other {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
