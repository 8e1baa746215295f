use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        version -> Nullable<BigInt>,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", version = id)]
pub struct Keyed {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", version = version)]
pub struct Optional {
    id: i64,
    version: Option<i64>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", version = revision)]
pub struct Missing {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", version("tail"))]
pub struct Misspelt {
    id: i64,
    tail: String,
}

fn main() {}
