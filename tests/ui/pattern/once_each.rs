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
#[cached(pattern = "cache_aside", ttl = "10m", pattern = "cache_aside")]
#[cached(ttl = "20m", insert = String, insert = String)]
pub struct Plane {
    id: i64,
    #[cached(with = hex, with = hex)]
    tail: String,
    seats: Option<i32>,
}

fn main() {}
