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
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "strict(validated)")]
pub struct Plane {
    id: i64,
    tail: String,
    version: Option<i64>,
}

fn main() {}
