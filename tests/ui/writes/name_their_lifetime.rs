use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
    }
}

#[derive(Insertable)]
#[diesel(table_name = planes)]
pub struct NewPlane<'a> {
    tail: &'a str,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite), insert = NewPlane)]
pub struct Plane {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite), insert = NewPlane<'_>)]
pub struct Same {
    id: i64,
    tail: String,
}

fn main() {}
