//! Types that an application makes for its columns.

use cache_runtime::{CacheKey, with};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Integer, Jsonb, SqlType, Text};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// A number that is not to be confused with others.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow, Serialize, Deserialize)]
#[diesel(sql_type = Integer)]
pub(crate) struct Meters(pub(crate) i32);

impl<DB: Backend> FromSql<Integer, DB> for Meters
where
    i32: FromSql<Integer, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        i32::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<Integer, DB> for Meters
where
    i32: ToSql<Integer, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// The database's enum.
#[derive(Debug, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"), mysql_type(name = "Enum"), sqlite_type(name = "Text"))]
pub struct MoodType;

/// The application's.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    AsExpression,
    FromSqlRow,
    CacheKey,
    Serialize,
    Deserialize,
)]
#[diesel(sql_type = MoodType)]
pub(crate) enum Mood {
    Sad,
    Happy,
}

impl<DB: Backend> FromSql<MoodType, DB> for Mood
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match String::from_sql(bytes)?.as_str() {
            "sad" => Ok(Self::Sad),
            "happy" => Ok(Self::Happy),
            other => Err(format!("no mood is {other}").into()),
        }
    }
}

impl<DB: Backend> ToSql<MoodType, DB> for Mood
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        let name = match self {
            Self::Sad => "sad",
            Self::Happy => "happy",
        };
        <str as ToSql<Text, DB>>::to_sql(name, out)
    }
}

/// Implements a column of text by `as_str` and `parse`.
macro_rules! text {
    ($type:ident, $as_str:expr, $parse:expr) => {
        impl<DB: Backend> FromSql<Text, DB> for $type
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let parse: fn(String) -> deserialize::Result<Self> = $parse;
                parse(String::from_sql(bytes)?)
            }
        }

        impl<DB: Backend> ToSql<Text, DB> for $type
        where
            str: ToSql<Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                let as_str: fn(&Self) -> &str = $as_str;
                <str as ToSql<Text, DB>>::to_sql(as_str(self), out)
            }
        }
    };
}

/// It has no serde, on purpose.
#[derive(Debug, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Secret(pub(crate) String);

text!(Secret, |it| &it.0, |text| Ok(Self(text)));

/// How a secret goes into the cache, which is as safe as the database.
pub(crate) mod exposed {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Secret;

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&secret.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
        String::deserialize(input).map(Secret)
    }
}

/// An address, with the serde of its crate.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow, Serialize, Deserialize)]
#[diesel(sql_type = Text)]
pub(crate) struct Link(Url);

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Link {
    type Err = url::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

text!(Link, |it| it.0.as_str(), |text| Ok(Self(Url::parse(&text)?)));

pub(crate) fn link() -> impl Strategy<Value = Link> {
    crate::draw::text().prop_map(|text| {
        let mut url = Url::parse("https://user@example.org:8443/a?b#c").expect("an address");
        url.set_path(&text);
        url.set_query(Some(&text));
        Link(url)
    })
}

/// JSON in a type of its own, which reads by trial and so needs a format that describes itself.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow, Serialize, Deserialize)]
#[diesel(sql_type = Jsonb)]
#[serde(untagged)]
pub(crate) enum Limit {
    None,
    Rows(u64),
    Named { name: String, share: f64 },
}

impl with::json::Json for Limit {}

impl<DB: Backend> FromSql<Jsonb, DB> for Limit
where
    Value: FromSql<Jsonb, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(serde_json::from_value(Value::from_sql(bytes)?)?)
    }
}

impl ToSql<Jsonb, diesel::pg::Pg> for Limit {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::pg::Pg>) -> serialize::Result {
        let value = serde_json::to_value(self)?;
        <Value as ToSql<Jsonb, diesel::pg::Pg>>::to_sql(&value, &mut out.reborrow())
    }
}

pub(crate) fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        Just(Limit::None),
        any::<u64>().prop_map(Limit::Rows),
        (crate::draw::text(), 0.0..1.0).prop_map(|(name, share)| Limit::Named { name, share }),
    ]
}
