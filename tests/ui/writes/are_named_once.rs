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
pub struct NewPlane {
    tail: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = planes)]
pub struct PlaneChanges {
    tail: Option<String>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(
    pattern = "cache_aside",
    ttl = "10m",
    insert(NewPlane, NewPlane),
    changeset(PlaneChanges, PlaneChanges)
)]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
