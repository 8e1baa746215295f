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
#[cached(pattern = "write_through", ttl = "10m", on_write = "refresh", save = "yes", bulk = "many")]
pub struct Plane {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "write_through", ttl = "10m", save)]
pub struct KeyOnly {
    id: i64,
}

fn main() {}
