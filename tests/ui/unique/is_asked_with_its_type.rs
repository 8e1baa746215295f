use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", unique(tail), unique(seats))]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

async fn uses<D: cache_runtime::Database>(planes: PlaneRepository<D>)
where
    Plane: cache_runtime::__private::Statements<D::Backend>,
{
    let _ = planes.find_by_tail(5_i32);
    let _ = planes.find_by_seats(5_i32);
}

fn main() {}
