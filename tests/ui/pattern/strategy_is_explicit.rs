use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Insertable)]
#[diesel(table_name = planes)]
pub struct NewPlane {
    tail: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = planes)]
pub struct PlaneChanges {
    tail: Option<String>,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(unique(tail), insert = NewPlane, changeset = PlaneChanges)]
pub struct Plane {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

/// Uses of a model with a mistake are no mistakes.
async fn uses<D: cache_runtime::Database>(planes: PlaneRepository<D>)
where
    Plane: cache_runtime::__private::Statements<D::Backend>,
{
    let _ = planes.find(7_i64).await;
    let _ = planes.find_by_tail("N1").await;
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
pub struct Bare {
    id: i64,
    tail: String,
    seats: Option<i32>,
}

fn main() {}
