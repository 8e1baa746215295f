//! Sessions that expire, and are marked at each use.

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    sessions (token) {
        token -> Text,
        user_id -> BigInt,
        expires -> Nullable<BigInt>,
        last_used -> BigInt,
    }
}

pub const CREATE: &str = "CREATE TABLE sessions (token VARCHAR(60) PRIMARY KEY, user_id BIGINT NOT NULL, expires BIGINT, last_used BIGINT NOT NULL)";

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = sessions, primary_key(token))]
#[cached(pattern = "write_through", ttl = "1h", expires_at = expires, volatile(last_used), save,
         insert = NewSession, changeset(Used, Prolong))]
pub struct Session {
    pub token: String,
    pub user_id: i64,
    pub expires: Option<i64>,
    pub last_used: i64,
}

#[derive(Insertable)]
#[diesel(table_name = sessions)]
pub struct NewSession {
    pub token: String,
    pub user_id: i64,
    pub expires: Option<i64>,
    pub last_used: i64,
}

#[derive(AsChangeset)]
#[diesel(table_name = sessions)]
pub struct Used {
    pub last_used: i64,
}

#[derive(AsChangeset)]
#[diesel(table_name = sessions)]
pub struct Prolong {
    pub expires: i64,
}
