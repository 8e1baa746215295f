use cache_runtime::{Cached, CachedEmbed};
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable, CachedEmbed, PartialEq)]
#[diesel(table_name = planes)]
pub struct Size {
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", volatile(size.seats))]
pub struct Plane {
    id: i64,
    tail: String,
    #[diesel(embed)]
    size: Size,
}

fn main() {}
