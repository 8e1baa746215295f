use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    counters (id) {
        id -> BigInt,
        name -> Text,
        hits -> BigInt,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m")]
pub struct NotInsertable {
    id: i64,
    name: String,
    hits: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m")]
pub struct Skipping {
    id: i64,
    name: String,
    #[diesel(skip_insertion)]
    hits: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", outbox(on_missing = "insert", on_full = "block", max_rows = 5))]
pub struct Wrong {
    id: i64,
    name: String,
    hits: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", outbox(on_missing = "insert"))]
pub struct WithoutDefault {
    id: i64,
    name: String,
    hits: i64,
}

fn main() {}
