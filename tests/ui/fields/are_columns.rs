use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        airline -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

diesel::table! {
    airlines (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Queryable, Cached)]
#[cached(pattern = "cache_aside", ttl = "10m", insert = NewAirline)]
pub struct Airline {
    id: i64,
    name: String,
}

#[derive(Insertable)]
#[diesel(table_name = airlines)]
pub struct NewAirline {
    name: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Computed {
    id: i64,
    #[diesel(select_expression = diesel::dsl::sql::<diesel::sql_types::Text>("upper(tail)"))]
    tail: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Joined {
    id: i64,
    #[diesel(select_expression = airlines::name)]
    name: String,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", depends_on(Airline, via = airline))]
pub struct Written {
    id: i64,
    airline: i64,
    #[diesel(select_expression = airlines::name)]
    name: String,
}

fn main() {}
