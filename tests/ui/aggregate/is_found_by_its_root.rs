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
#[cached(pattern = "cache_aside", ttl = "10m", aggregate(owner = "sales", members(Line)))]
pub struct Order {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = lines)]
#[cached(member_of = Order, by = parent)]
pub struct Line {
    id: i64,
    parent: i64,
}

type Database = cache_runtime::R2d2<diesel::SqliteConnection>;

async fn not_the_root(lines: LineRepository<Database>) -> cache_runtime::Result<()> {
    lines.find_aggregate(1).await?;
    Ok(())
}

fn not_a_member(whole: &cache_runtime::Whole<Order>) -> usize {
    whole.members::<Order>().len()
}

fn main() {}
