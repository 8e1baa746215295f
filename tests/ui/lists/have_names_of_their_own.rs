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
#[cached(list(airline, order_by = tail, limit = 5), list(airline, order_by = id.desc(), limit = 5))]
#[cached(list(tail, tail, order_by = (id, id), limit = 5), list(wings, order_by = length, limit = 5))]
pub struct Plane {
    id: i64,
    airline: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
