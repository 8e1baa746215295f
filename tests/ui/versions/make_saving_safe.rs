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
#[cached(pattern = "cache_aside", ttl = "10m", save, backends(sqlite))]
pub struct Plane {
    id: i64,
    tail: String,
}

fn saves<D: cache_runtime::Database<Backend = diesel::sqlite::Sqlite>>(
    planes: PlaneRepository<D>,
    plane: Plane,
) {
    drop(planes.save(plane));
}

fn main() {}
