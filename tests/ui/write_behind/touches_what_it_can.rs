use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    keys (id) {
        id -> BigInt,
        name -> Text,
        last_used -> Nullable<BigInt>,
    }
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = keys)]
#[cached(pattern = "write_behind", ttl = "10m", touch_on_read(id))]
pub struct Keyed {
    id: i64,
    name: String,
    last_used: Option<i64>,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = keys)]
#[cached(pattern = "write_behind", ttl = "10m", touch_on_read(name))]
pub struct Named {
    id: i64,
    name: String,
    last_used: Option<i64>,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = keys)]
#[cached(pattern = "write_behind", ttl = "10m", touch_on_read(last_used), merge(last_used = "min"))]
pub struct Both {
    id: i64,
    name: String,
    last_used: Option<i64>,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = keys)]
#[cached(pattern = "write_behind", ttl = "10m", touch_on_read(every = "1m"))]
pub struct Nothing {
    id: i64,
    name: String,
    last_used: Option<i64>,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = keys)]
#[cached(pattern = "write_behind", ttl = "10m", touch_on_read(used))]
pub struct Unknown {
    id: i64,
    name: String,
    last_used: Option<i64>,
}

#[derive(Queryable, Insertable, Cached)]
#[diesel(table_name = keys)]
#[cached(pattern = "cache_aside", ttl = "10m", touch_on_read(last_used))]
pub struct Aside {
    id: i64,
    name: String,
    last_used: Option<i64>,
}

fn main() {}
