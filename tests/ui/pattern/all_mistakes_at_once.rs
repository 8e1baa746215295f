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
#[cached(pattern = cache_aside, ttll = "10m", jitter = "95%", negative_ttl = "soon")]
#[cached(on_write = "refersh", unique(wings), cache_version = "2", backends(oracle), "ttl")]
#[cached(invent = NewPlane, insert = NewPlane(i32), key())]
#[cached]
pub struct Plane {
    #[cached(ttl = "10m")]
    id: i64,
    #[cached(whith = crate::hex)]
    tail: String,
    #[cached(with = "crate::hex")]
    seats: Option<i32>,
}

async fn uses<D: cache_runtime::Database>(planes: PlaneRepository<D>)
where
    Plane: cache_runtime::__private::Statements<D::Backend>,
{
    let _ = planes.find(7_i64).await;
}

fn main() {}
