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

diesel::table! {
    airlines (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Queryable, Cached)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Airline {
    id: i64,
    name: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "strict(fenced)")]
#[cached(depends_on(Airline, via = airline))]
pub struct Plane {
    id: i64,
    airline: i64,
}

fn main() {}
