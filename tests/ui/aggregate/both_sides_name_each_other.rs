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

/// Its member does not say so.
#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", aggregate(owner = "sales", members(Line)))]
pub struct Order {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Line {
    id: i64,
}

/// Its root does not say so.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = parent)]
pub struct Stray {
    id: i64,
    parent: i64,
}

fn main() {}
