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
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "strict(fenced)")]
#[cached(aggregate(owner = "sales", members(Line)))]
pub struct Order {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = parent, consistency = "eventual")]
pub struct Line {
    id: i64,
    parent: i64,
}

fn main() {}
