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
#[cached(pattern = "cache_aside", ttl = "10m", backends(postgres))]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn has_statements<M: cache_runtime::__private::Statements<diesel::sqlite::Sqlite>>() {}

fn uses() {
    has_statements::<Plane>();
}

fn main() {}
