use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    seats (flight, letter) {
        flight -> BigInt,
        letter -> Text,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = seats)]
#[cached(pattern = "cache_aside", ttl = "10m", key(letter, flight))]
pub struct Seat {
    flight: i64,
    letter: String,
}

fn main() {}
