use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "bounded")]
pub struct Bare {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "bounded()")]
pub struct Empty {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "bounded(soon)")]
pub struct Word {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "bounded(10ms)")]
pub struct Short {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "bounded(10m)")]
pub struct Long {
    id: i64,
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "bounded(5s)", read_only)]
pub struct Reader {
    id: i64,
    tail: String,
}

fn main() {}
