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
#[cached(pattern = "write_through", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: i64,
    tail: String,
}

fn deletes<D: cache_runtime::Database<Backend = diesel::sqlite::Sqlite>>(
    planes: PlaneRepository<D>,
) {
    drop(planes.delete_where(planes::tail));
}

fn main() {}
