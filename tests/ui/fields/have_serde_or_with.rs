use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    planes (id) {
        id -> BigInt,
        tail -> Text,
        seats -> Nullable<Integer>,
    }
}

#[derive(Debug, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct Tail(String);

impl diesel::deserialize::FromSql<diesel::sql_types::Text, diesel::sqlite::Sqlite> for Tail {
    fn from_sql(
        mut bytes: diesel::sqlite::SqliteValue<'_, '_, '_>,
    ) -> diesel::deserialize::Result<Self> {
        Ok(Self(bytes.read_text().to_owned()))
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = planes)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite))]
pub struct Plane {
    id: i64,
    tail: Tail,
}

fn main() {}
