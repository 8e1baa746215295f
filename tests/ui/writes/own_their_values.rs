use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Insertable)]
#[diesel(table_name = planes)]
pub struct NewPlane<'a> {
    tail: &'a str,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", insert = NewPlane<'a>, changeset(&'b str, Vec<&str>))]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
