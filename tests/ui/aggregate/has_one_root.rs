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

/// A root and a member.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(pattern = "cache_aside", ttl = "10m", aggregate(owner = "sales", members(Part)))]
#[cached(member_of = Order, by = parent)]
pub struct Line {
    id: i64,
    parent: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = orders)]
#[cached(pattern = "cache_aside", ttl = "10m", aggregate(owner = "sales", members(Line)))]
pub struct Order {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Line, by = parent)]
pub struct Part {
    id: i64,
    parent: i64,
}

/// Each the other's member.
#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Egg, by = parent)]
pub struct Hen {
    id: i64,
    parent: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Hen, by = parent)]
pub struct Egg {
    id: i64,
    parent: i64,
}

fn main() {}
