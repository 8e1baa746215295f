use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable)]
pub struct Size {
    seats: Option<i32>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: i64,
    #[diesel(embed)]
    size: Size,
    #[diesel(select_expression = planes::tail, select_expression_type = planes::tail)]
    tail: String,
}

fn main() {}
