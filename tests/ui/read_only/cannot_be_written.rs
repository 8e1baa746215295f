use cache_runtime::{Cache, Cached, R2d2};
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        airline -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", read_only)]
pub struct Plane {
    id: i64,
    tail: String,
}

async fn delete(cache: Cache<R2d2<SqliteConnection>>) {
    let _ = cache.repository::<Plane>().delete(1).await;
}

fn main() {}
