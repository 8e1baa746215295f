//! Users, and what they sign in with.

use cache_runtime::Cached;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use serde::Serialize;

use super::{Scopes, TokenHash, UserId};
use crate::schema::{api_tokens, credentials, sessions, users};

/// What the API shows of a user: columns that it must not show are skipped.
#[derive(Queryable, Selectable, Identifiable, Serialize, Cached)]
#[serde(rename_all = "camelCase")]
#[diesel(table_name = users, check_for_backend(Sqlite))]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = "10%", changeset(ProfileChanges, Closed))]
#[cached(unique(login, normalize = lower, when = active))]
pub struct User {
    pub id: UserId,
    pub login: String,
    pub email: Option<String>,
    pub display_name: Option<String>,
    #[serde(skip)]
    pub is_admin: bool,
    #[serde(skip)]
    deleted_at: Option<NaiveDateTime>,
}

impl User {
    pub fn is_active(&self) -> bool {
        self.deleted_at.is_none()
    }
}

/// Logins are compared without regard to case, as the table's index does.
mod lower {
    pub fn value(login: &str) -> String {
        login.to_lowercase()
    }

    #[diesel::declare_sql_function]
    extern "SQL" {
        fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
    }

    pub use lower as column;
}

/// And only among these.
mod active {
    use diesel::ExpressionMethods as _;

    use crate::schema::users::deleted_at;

    pub fn holds(user: &super::User) -> bool {
        user.is_active()
    }

    pub fn condition() -> diesel::dsl::IsNull<deleted_at> {
        deleted_at.is_null()
    }
}

#[derive(Insertable)]
#[diesel(table_name = users)]
pub struct NewUser<'a> {
    pub login: &'a str,
    pub email: Option<&'a str>,
    pub created_at: NaiveDateTime,
}

/// `Some(None)` empties a column, `None` leaves it.
#[derive(AsChangeset, Default)]
#[diesel(table_name = users)]
pub struct ProfileChanges {
    pub email: Option<Option<String>>,
    pub display_name: Option<Option<String>>,
}

/// Of the import from the registry before this one.
#[derive(Insertable)]
#[diesel(table_name = users)]
pub struct ImportedUser {
    pub login: String,
    pub legacy_uid: i64,
    pub created_at: NaiveDateTime,
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
pub struct Closed {
    pub deleted_at: Option<NaiveDateTime>,
}

/// Never leaves this module's callers: no `Debug`, no serde.
#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = credentials, primary_key(user_id), check_for_backend(Sqlite))]
pub struct Credential {
    pub user_id: UserId,
    pub password_hash: String,
    pub failed_attempts: i32,
    pub locked_until: Option<NaiveDateTime>,
}

#[derive(Insertable)]
#[diesel(table_name = credentials)]
pub struct NewCredential<'a> {
    pub user_id: UserId,
    pub password_hash: &'a str,
}

#[derive(Queryable, Selectable, Cached)]
#[diesel(table_name = sessions, primary_key(token_hash), check_for_backend(Sqlite))]
#[cached(pattern = "cache_aside", ttl = "5m", jitter = "10%", expires_at = expires_at)]
pub struct Session {
    token_hash: TokenHash,
    pub user_id: UserId,
    pub user_agent: String,
    expires_at: NaiveDateTime,
}

impl Session {
    pub fn is_valid(&self, now: NaiveDateTime) -> bool {
        self.expires_at > now
    }
}

#[derive(Insertable)]
#[diesel(table_name = sessions)]
pub struct NewSession<'a> {
    pub token_hash: &'a TokenHash,
    pub user_id: UserId,
    pub user_agent: &'a str,
    pub expires_at: NaiveDateTime,
}

#[derive(Queryable, Selectable, Identifiable, Serialize, Cached)]
#[diesel(table_name = api_tokens, check_for_backend(Sqlite))]
#[cached(pattern = "cache_aside", ttl = "1m", unique(token_hash), changeset = TokenChanges<'static>)]
#[cached(volatile(last_used_at))]
pub struct ApiToken {
    pub id: i64,
    #[serde(skip)]
    pub user_id: UserId,
    pub name: String,
    #[serde(skip)]
    token_hash: TokenHash,
    #[serde(skip)]
    pub scopes: Scopes,
    revoked: bool,
    pub last_used_at: Option<NaiveDateTime>,
}

impl ApiToken {
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }
}

#[derive(Insertable)]
#[diesel(table_name = api_tokens)]
pub struct NewApiToken<'a> {
    pub user_id: UserId,
    pub name: &'a str,
    pub token_hash: &'a TokenHash,
    pub scopes: &'a Scopes,
    pub created_at: NaiveDateTime,
}

#[derive(AsChangeset)]
#[diesel(table_name = api_tokens)]
pub struct TokenChanges<'a> {
    pub name: Option<&'a str>,
    pub revoked: Option<bool>,
}
