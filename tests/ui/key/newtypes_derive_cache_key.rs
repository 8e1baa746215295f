use cache_runtime::Cached;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[derive(serde::Serialize, serde::Deserialize)]
#[diesel(sql_type = BigInt)]
pub struct PlaneId(i64);

impl FromSql<BigInt, Sqlite> for PlaneId {
    fn from_sql(bytes: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(bytes).map(Self)
    }
}

impl ToSql<BigInt, Sqlite> for PlaneId {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <i64 as ToSql<BigInt, Sqlite>>::to_sql(&self.0, out)
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: PlaneId,
    tail: String,
}

fn main() {}
