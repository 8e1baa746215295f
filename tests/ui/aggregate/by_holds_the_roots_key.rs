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
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
#[cached(aggregate(owner = "sales", members(Texts)))]
pub struct Order {
    id: i64,
}

/// The column does not hold its key.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = code, backends(sqlite))]
pub struct Texts {
    id: i64,
    code: String,
}

fn main() {}
