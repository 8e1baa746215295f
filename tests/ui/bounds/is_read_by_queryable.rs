use cache_runtime::Cached;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
    }
}

#[derive(Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: i64,
    tail: String,
}

fn main() {}
