use cache_runtime::{Cached, CachedEmbed};
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        airline -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable)]
pub struct Plain {
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, CachedEmbed)]
#[diesel(table_name = planes)]
#[cached(ttl = "10m")]
pub struct Said {
    tail: String,
}

#[derive(Queryable, CachedEmbed)]
#[diesel(table_name = planes)]
pub struct Known {
    tail: String,
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: i64,
    airline: i64,
    #[diesel(embed)]
    plain: Plain,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite), unique(known.airline), save)]
pub struct Other {
    id: i64,
    #[diesel(embed)]
    #[cached(with = some::path)]
    known: Known,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite), unique(known.airline))]
pub struct Third {
    id: i64,
    #[diesel(embed)]
    known: Known,
}

fn main() {}
