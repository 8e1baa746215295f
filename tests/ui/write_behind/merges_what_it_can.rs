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
#[cached(pattern = "write_behind", ttl = "10m", merge(id = "add", nothing = "max"))]
pub struct Counter {
    id: i64,
    name: String,
    hits: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", merge(hits = "sum"))]
pub struct Sum {
    id: i64,
    name: String,
    hits: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", merge(name = "add"))]
pub struct Named {
    id: i64,
    name: String,
    hits: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_through", ttl = "10m", merge(hits = "add"), outbox(max_pending = 5))]
pub struct Through {
    id: i64,
    name: String,
    hits: i64,
}

fn main() {}
