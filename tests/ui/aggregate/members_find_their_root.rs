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
#[cached(pattern = "cache_aside", ttl = "10m")]
#[cached(aggregate(owner = "sales", members(Line, Lost)))]
pub struct Order {
    id: i64,
}

/// No column leads to the root.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order)]
pub struct Line {
    id: i64,
}

/// No root is named.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(pattern = "cache_aside", ttl = "10m", by = parent)]
pub struct Rootless {
    id: i64,
    parent: i64,
}

/// There is no such column.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = order_id)]
pub struct Lost {
    id: i64,
}

fn main() {}
