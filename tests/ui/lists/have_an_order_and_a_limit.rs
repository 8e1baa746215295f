use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        airline -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m")]
#[cached(list(airline), list(airline, order_by = tail.up(), limit = 5))]
#[cached(list(airline, order_by = "tail", limit = 0), list)]
#[cached(list(airline, order_by = tail, limit = 20000), list(airline, order_by = tail, limit = 10, size = 3))]
pub struct Plane {
    id: i64,
    airline: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
