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
#[cached(
    pattern = "cache_aside",
    ttl = "10m",
    unique(id),
    unique(tail),
    unique(tail),
    unique(seats, seats)
)]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
