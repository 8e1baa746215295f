use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    counters (id) {
        id -> BigInt,
        name -> Text,
        hits -> BigInt,
    }
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m")]
pub struct Counter {
    id: i64,
    name: String,
    hits: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Aside {
    id: i64,
    name: String,
    hits: i64,
}

async fn directly<D: cache_runtime::Database<Backend = diesel::sqlite::Sqlite>>(
    counters: CounterRepository<D>,
    asides: AsideRepository<D>,
) {
    let _ = counters.delete(1).await;
    let _ = asides.enqueue_delete(1).await;
}

fn main() {}
