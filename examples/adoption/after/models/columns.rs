//! Types of columns.

use cache_runtime::CacheKey;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($name:ident)*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow, Serialize)]
        #[derive(CacheKey, Deserialize)]
        #[diesel(sql_type = BigInt)]
        pub struct $name(pub i64);

        impl<DB: Backend> FromSql<BigInt, DB> for $name
        where
            i64: FromSql<BigInt, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                i64::from_sql(bytes).map(Self)
            }
        }

        impl<DB: Backend> ToSql<BigInt, DB> for $name
        where
            i64: ToSql<BigInt, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.0.to_sql(out)
            }
        }
    )*};
}

ids! { UserId OrganizationId PackageId ReleaseId CategoryId }

/// A token as it is stored: never as its owner knows it.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, AsExpression, FromSqlRow, CacheKey, Deserialize, Serialize,
)]
#[diesel(sql_type = diesel::sql_types::Binary)]
pub struct TokenHash(pub Vec<u8>);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        use sha2::{Digest as _, Sha256};
        Self(Sha256::digest(token).to_vec())
    }
}

impl<DB: Backend> FromSql<diesel::sql_types::Binary, DB> for TokenHash
where
    Vec<u8>: FromSql<diesel::sql_types::Binary, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Vec::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<diesel::sql_types::Binary, DB> for TokenHash
where
    Vec<u8>: ToSql<diesel::sql_types::Binary, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// Types that are kept as text.
macro_rules! as_text {
    ($($name:ident: $read:expr, $write:expr;)*) => {$(
        impl<DB: Backend> FromSql<Text, DB> for $name
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let text = String::from_sql(bytes)?;
                $read(&text).ok_or_else(|| format!("`{text}` is no {}", stringify!($name)).into())
            }
        }

        impl ToSql<Text, Sqlite> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value($write(self));
                Ok(IsNull::No)
            }
        }
    )*};
}

/// What a member of an organization may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, AsExpression, FromSqlRow, Serialize, Deserialize,
)]
#[diesel(sql_type = Text)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reader,
    Publisher,
    Owner,
}

impl Role {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "reader" => Some(Self::Reader),
            "publisher" => Some(Self::Publisher),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }

    pub fn text(&self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// What a token may be used for.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow, Deserialize, Serialize)]
#[diesel(sql_type = Text)]
pub struct Scopes(pub Vec<String>);

impl Scopes {
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()))
    }

    pub fn text(&self) -> String {
        self.0.join(" ")
    }

    pub fn allow(&self, scope: &str) -> bool {
        self.0.iter().any(|allowed| allowed == scope)
    }
}

/// Any JSON, kept as text.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow, Deserialize, Serialize)]
#[diesel(sql_type = Text)]
pub struct Json(pub serde_json::Value);

impl Json {
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

impl cache_runtime::with::json::Json for Json {}

as_text! {
    Role: Role::parse, Role::text;
    Scopes: Scopes::parse, Scopes::text;
    Json: Json::parse, Json::text;
}

/// Who can own a package.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    AsExpression,
    FromSqlRow,
    Serialize,
    CacheKey,
    Deserialize,
)]
#[diesel(sql_type = Integer)]
#[repr(i32)]
pub enum OwnerKind {
    User = 0,
    Organization = 1,
}

impl<DB: Backend> FromSql<Integer, DB> for OwnerKind
where
    i32: FromSql<Integer, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match i32::from_sql(bytes)? {
            0 => Ok(Self::User),
            1 => Ok(Self::Organization),
            other => Err(format!("{other} is no kind of owner").into()),
        }
    }
}

impl ToSql<Integer, Sqlite> for OwnerKind {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(*self as i32);
        Ok(IsNull::No)
    }
}
