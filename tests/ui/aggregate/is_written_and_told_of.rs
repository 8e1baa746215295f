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

/// What its members write would not count up its version.
#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", consistency = "strict(validated)", version = version)]
#[cached(aggregate(owner = "sales", members(Line)))]
pub struct Order {
    id: i64,
    version: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = parent)]
pub struct Line {
    id: i64,
    parent: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", read_only)]
#[cached(aggregate(owner = "sales", members(Seen)))]
pub struct Shown {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Shown, by = parent, read_only)]
pub struct Seen {
    id: i64,
    parent: i64,
}

/// What leads to the root is followed.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = parent, volatile(parent))]
pub struct Restless {
    id: i64,
    parent: i64,
}

fn main() {}
