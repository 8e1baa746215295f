use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        secret -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", version = version, consistency = "strict(validated)")]
#[cached(unique(secret: String), list(secret: String, order_by = tail, limit = 5), tenant = secret)]
pub struct Plane {
    id: i64,
    tail: String,
    version: i64,
}

fn main() {}
