use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Cached)]
#[diesel(table_name = planes, check_for_backend(diesel_oci::oracle::Oracle))]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
