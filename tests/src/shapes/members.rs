//! Rows of several tenants in one table: with the tenant in the table's key, and beside it.

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    members (tenant, id) {
        tenant -> Text,
        id -> BigInt,
        login -> Text,
        team -> BigInt,
    }
}

pub const CREATE: &str = "CREATE TABLE members (tenant VARCHAR(60) NOT NULL, id BIGINT NOT NULL, login VARCHAR(60) NOT NULL, team BIGINT NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, login))";

/// The same key, the same login and the same team may be in two tenants.
#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = members)]
#[cached(pattern = "write_through", ttl = "10m", negative_ttl = "10m", key(tenant, id),
         tenant = tenant, unique(login), list(team, order_by = login, limit = 10), bulk = 3,
         insert = NewMember, changeset = MemberChanges)]
pub struct Member {
    pub tenant: String,
    pub id: i64,
    pub login: String,
    pub team: i64,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = members)]
pub struct NewMember {
    pub tenant: String,
    pub id: i64,
    pub login: String,
    pub team: i64,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = members)]
pub struct MemberChanges {
    pub login: Option<String>,
    pub team: Option<i64>,
}

diesel::table! {
    desks (id) {
        id -> BigInt,
        tenant -> BigInt,
        place -> Text,
    }
}

pub const CREATE_DESKS: &str = "CREATE TABLE desks (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, place VARCHAR(60) NOT NULL)";

/// The key tells all desks apart, and yet a tenant finds its own alone.
#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = desks)]
#[cached(pattern = "cache_aside", ttl = "10m", negative_ttl = "10m", tenant = tenant,
         insert = NewDesk, changeset = DeskChanges)]
pub struct Desk {
    pub id: i64,
    pub tenant: i64,
    pub place: String,
}

#[derive(Insertable)]
#[diesel(table_name = desks)]
pub struct NewDesk {
    pub id: i64,
    pub tenant: i64,
    pub place: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = desks)]
pub struct DeskChanges {
    pub place: String,
}
