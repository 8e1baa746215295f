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
#[cached(pattern = "read_through", ttl = "10m", on_write = "update", consistency = "strict")]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
