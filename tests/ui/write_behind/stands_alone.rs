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
#[cached(pattern = "write_behind", ttl = "10m", unique(name), list(name, order_by = id.asc(), limit = 5),
         insert = Counter, version = hits, save, on_write = "refresh",
         consistency = "strict(validated)")]
pub struct Counter {
    id: i64,
    name: String,
    hits: i64,
}

fn main() {}
