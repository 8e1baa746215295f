use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    measures (id) {
        id -> Double,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = measures)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Measure {
    id: f64,
}

fn main() {}
