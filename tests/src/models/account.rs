//! A newtype key, a secret that no serde may touch, and a serde of the model's
//! own that is for an API: it leaves out one column and rounds another.

use cache_runtime::{CacheKey, Cached};
use chrono::{DateTime, NaiveDateTime};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{BigInt, Text};
use serde::{Serialize, Serializer};

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    accounts (id) {
        id -> BigInt,
        login -> Text,
        email -> Nullable<Text>,
        secret -> Text,
        note -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: Some(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY NOT NULL, login TEXT NOT NULL UNIQUE, email TEXT UNIQUE, \
         secret TEXT NOT NULL, note TEXT, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    ),
    postgres: "CREATE TABLE accounts (id BIGSERIAL PRIMARY KEY, login TEXT NOT NULL UNIQUE, email TEXT UNIQUE, \
               secret TEXT NOT NULL, note TEXT, created_at TIMESTAMP NOT NULL DEFAULT LOCALTIMESTAMP)",
    mysql: Some(
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY AUTO_INCREMENT, login VARCHAR(100) NOT NULL UNIQUE, \
         email VARCHAR(100) UNIQUE, secret VARCHAR(100) NOT NULL, note TEXT, \
         created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    ),
};

/// The key of an account, not to be confused with other numbers.
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
    serde::Deserialize,
)]
#[diesel(sql_type = BigInt)]
pub struct AccountId(pub i64);

impl<DB: Backend> FromSql<BigInt, DB> for AccountId
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        i64::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<BigInt, DB> for AccountId
where
    i64: ToSql<BigInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// Has neither serde nor `Clone`, so that it cannot leak by accident.
#[derive(Debug, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Secret(String);

impl<DB: Backend> FromSql<Text, DB> for Secret
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        String::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<Text, DB> for Secret
where
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// How a secret goes into the cache.
mod sealed {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&secret.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
        String::deserialize(input).map(Secret)
    }
}

/// A user's account.
#[derive(Debug, PartialEq, Queryable, Selectable, Serialize, Cached)]
#[diesel(table_name = accounts)]
#[cached(pattern = "cache_aside", ttl = "5m", negative_ttl = "10s", on_write = "refresh")]
#[cached(unique(login), unique(email))]
#[cached(insert(NewAccount, ImportedAccount), changeset(AccountChanges, NewSecret))]
pub struct Account {
    id: AccountId,
    login: String,
    email: Option<String>,
    #[serde(skip)]
    #[cached(with = sealed)]
    secret: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(serialize_with = "in_milliseconds")]
    created_at: NaiveDateTime,
}

/// The API gives milliseconds, and the database has microseconds.
fn in_milliseconds<S: Serializer>(at: &NaiveDateTime, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_i64(at.and_utc().timestamp_millis())
}

impl Account {
    /// The key.
    #[must_use]
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// The address, which is unique where there is one.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }
}

/// An account that somebody opens.
#[derive(Insertable)]
#[diesel(table_name = accounts)]
pub struct NewAccount {
    /// Unique.
    pub login: String,
    /// Unique where there is one.
    pub email: Option<String>,
    /// Required.
    pub secret: Secret,
}

/// An account from elsewhere, with its key.
#[derive(Insertable)]
#[diesel(table_name = accounts)]
pub struct ImportedAccount {
    /// The key.
    pub id: AccountId,
    /// Unique.
    pub login: String,
    /// Required.
    pub secret: Secret,
    /// When it was opened there.
    pub created_at: NaiveDateTime,
}

/// What the owner can change; the inner `None` clears a column.
#[derive(AsChangeset)]
#[diesel(table_name = accounts)]
pub struct AccountChanges {
    /// A new login.
    pub login: Option<String>,
    /// A new address, or none.
    pub email: Option<Option<String>>,
    /// A new note, or none.
    pub note: Option<Option<String>>,
}

/// A new secret, and nothing else.
#[derive(AsChangeset)]
#[diesel(table_name = accounts)]
pub struct NewSecret {
    /// The secret.
    pub secret: Secret,
}

fn moment(n: i32) -> NaiveDateTime {
    // A fraction that milliseconds cannot hold.
    DateTime::from_timestamp(1_700_000_000 + i64::from(n), 123_457_000)
        .unwrap_or_default()
        .naive_utc()
}

impl Sample for Account {
    fn sample(n: i32) -> Self {
        Self {
            id: AccountId(n.into()),
            login: format!("login-{n}"),
            email: (n % 2 == 0).then(|| format!("{n}@example.org")),
            secret: Secret(format!("secret {n}")),
            note: (n % 3 == 0).then(|| format!("note {n}")),
            created_at: moment(n),
        }
    }
}

impl Sample for NewAccount {
    fn sample(n: i32) -> Self {
        let Account { login, email, secret, .. } = Account::sample(n);
        Self { login, email, secret }
    }
}

impl Sample for ImportedAccount {
    fn sample(n: i32) -> Self {
        let Account { id, login, secret, created_at, .. } = Account::sample(n);
        Self { id, login, secret, created_at }
    }
}

impl Sample for AccountChanges {
    fn sample(n: i32) -> Self {
        Self { login: None, email: Some(None), note: Some(Some(format!("changed {n}"))) }
    }
}

impl Sample for NewSecret {
    fn sample(n: i32) -> Self {
        Self { secret: Secret(format!("new secret {n}")) }
    }
}
