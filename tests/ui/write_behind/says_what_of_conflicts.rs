use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    counters (id) {
        id -> BigInt,
        hits -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", on_conflict = "reject")]
pub struct Unversioned {
    id: i64,
    hits: i64,
    version: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", version = version, merge(version = "add"))]
pub struct Undecided {
    id: i64,
    hits: i64,
    version: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_through", ttl = "10m", version = version, on_conflict = "reject")]
pub struct Through {
    id: i64,
    hits: i64,
    version: i64,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = counters)]
#[cached(pattern = "write_behind", ttl = "10m", version = version, on_conflict = "ignore")]
pub struct Misspelt {
    id: i64,
    hits: i64,
    version: i64,
}

fn main() {}
