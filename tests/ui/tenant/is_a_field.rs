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
#[cached(tenant = company)]
pub struct Plane {
    id: i64,
    airline: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
