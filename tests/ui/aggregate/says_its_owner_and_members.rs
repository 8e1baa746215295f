use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    orders (id) {
        id -> BigInt,
        number -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    lines (id) {
        id -> BigInt,
        parent -> BigInt,
        code -> Text,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", aggregate)]
pub struct Bare {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", aggregate(members(Line)))]
pub struct Nobodys {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", aggregate(owner = "sales", members = Line))]
pub struct Listless {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m")]
#[cached(aggregate(owner = "sales", members(Line, Line, Doubled)))]
pub struct Doubled {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Line {
    id: i64,
}

fn main() {}
