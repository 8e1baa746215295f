//! A key that is a struct of its own making, kept as bytes, with help for its
//! encoding; an address that is a type without serde; fields with
//! `deserialize_as`.

use cache_runtime::{CacheKey, Cached};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Binary, Text};

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    webhooks (token) {
        token -> Binary,
        target -> Text,
        retries -> SmallInt,
        label -> Text,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: Some(
        "CREATE TABLE webhooks (token BLOB PRIMARY KEY NOT NULL, target TEXT NOT NULL, \
         retries SMALLINT NOT NULL DEFAULT 3, label TEXT NOT NULL UNIQUE)",
    ),
    postgres: "CREATE TABLE webhooks (token BYTEA PRIMARY KEY, target TEXT NOT NULL, \
               retries SMALLINT NOT NULL DEFAULT 3, label TEXT NOT NULL UNIQUE)",
    mysql: Some(
        "CREATE TABLE webhooks (token VARBINARY(64) PRIMARY KEY, target VARCHAR(200) NOT NULL, \
         retries SMALLINT NOT NULL DEFAULT 3, label VARCHAR(100) NOT NULL UNIQUE)",
    ),
};

/// The key. It has no serde either.
#[derive(Debug, Clone, PartialEq, Eq, Hash, AsExpression, FromSqlRow, CacheKey)]
#[diesel(sql_type = Binary)]
pub struct Token {
    bytes: Vec<u8>,
}

impl<DB: Backend> FromSql<Binary, DB> for Token
where
    Vec<u8>: FromSql<Binary, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Vec::from_sql(bytes).map(|bytes| Self { bytes })
    }
}

impl<DB: Backend> ToSql<Binary, DB> for Token
where
    Vec<u8>: ToSql<Binary, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.bytes.to_sql(out)
    }
}

/// How a token goes into the cache.
mod token {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Token;

    pub(super) fn serialize<S: Serializer>(token: &Token, out: S) -> Result<S::Ok, S::Error> {
        token.bytes.serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Token, D::Error> {
        Vec::deserialize(input).map(|bytes| Token { bytes })
    }
}

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Address {
    host: String,
    path: String,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let (host, path) = text.strip_prefix("https://")?.split_once('/')?;
        Some(Self { host: host.to_owned(), path: path.to_owned() })
    }

    fn text(&self) -> String {
        format!("https://{}/{}", self.host, self.path)
    }
}

impl<DB: Backend> FromSql<Text, DB> for Address
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Self::parse(&String::from_sql(bytes)?).ok_or_else(|| "not an address".into())
    }
}

impl ToSql<Text, diesel::sqlite::Sqlite> for Address {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::sqlite::Sqlite>) -> serialize::Result {
        out.set_value(self.text());
        Ok(serialize::IsNull::No)
    }
}

impl ToSql<Text, diesel::pg::Pg> for Address {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::pg::Pg>) -> serialize::Result {
        <String as ToSql<Text, diesel::pg::Pg>>::to_sql(&self.text(), &mut out.reborrow())
    }
}

impl ToSql<Text, diesel::mysql::Mysql> for Address {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::mysql::Mysql>) -> serialize::Result {
        <String as ToSql<Text, diesel::mysql::Mysql>>::to_sql(&self.text(), &mut out.reborrow())
    }
}

/// How an address goes into the cache.
mod address {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Address;

    pub(super) fn serialize<S: Serializer>(address: &Address, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&address.text())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Address, D::Error> {
        Address::parse(&String::deserialize(input)?)
            .ok_or_else(|| D::Error::custom("not an address"))
    }
}

/// Where to send what happened.
#[derive(Debug, PartialEq, Queryable, Cached)]
#[diesel(table_name = webhooks, primary_key(token))]
#[cached(pattern = "cache_aside", ttl = "90s", unique(label), insert = NewWebhook, changeset = WebhookChanges)]
pub struct Webhook {
    #[cached(with = token)]
    token: Token,
    #[cached(with = address)]
    target: Address,
    #[diesel(deserialize_as = i16)]
    retries: Retries,
    label: String,
}

/// Made from the column's number as the row is read.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Retries(i16);

impl From<i16> for Retries {
    fn from(number: i16) -> Self {
        Self(number)
    }
}

/// A new target.
#[derive(Insertable)]
#[diesel(table_name = webhooks)]
pub struct NewWebhook {
    token: Token,
    target: Address,
    label: String,
}

/// Changes of a target.
#[derive(AsChangeset)]
#[diesel(table_name = webhooks)]
pub struct WebhookChanges {
    target: Option<Address>,
    retries: Option<i16>,
}

impl Sample for Webhook {
    fn sample(n: i32) -> Self {
        Self {
            token: Token { bytes: n.to_be_bytes().to_vec() },
            target: Address { host: format!("host-{n}.example.org"), path: format!("hook/{n}") },
            retries: Retries(i16::try_from(n % 10).unwrap_or_default()),
            label: format!("label {n}"),
        }
    }
}

impl Sample for NewWebhook {
    fn sample(n: i32) -> Self {
        let Webhook { token, target, label, .. } = Webhook::sample(n);
        Self { token, target, label }
    }
}

impl Sample for WebhookChanges {
    fn sample(n: i32) -> Self {
        Self { target: None, retries: Some(i16::try_from(n % 10).unwrap_or_default()) }
    }
}
