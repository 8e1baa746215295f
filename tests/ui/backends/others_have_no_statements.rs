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

fn on_sqlite<D: cache_runtime::Database<Backend = diesel::sqlite::Sqlite>>(
    planes: PlaneRepository<D>,
) {
    let _ = planes.find(7_i64);
}

fn main() {}
