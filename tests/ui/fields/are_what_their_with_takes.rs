use cache_runtime::{Cached, with};
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: i64,
    #[cached(with = with::json)]
    seats: Option<i32>,
}

fn main() {}
