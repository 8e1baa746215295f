//! The model of the consistency suites: a key, a unique value that changes, a balance.

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    accounts (id) {
        id -> BigInt,
        email -> Text,
        balance -> BigInt,
    }
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = accounts)]
#[cached(pattern = "cache_aside", ttl = "1s", negative_ttl = "30s", unique(email),
         insert = NewAccount, changeset = AccountChanges)]
pub struct Account {
    pub id: i64,
    pub email: String,
    pub balance: i64,
}

#[derive(Insertable, Debug)]
#[diesel(table_name = accounts)]
pub struct NewAccount {
    pub id: i64,
    pub email: String,
    pub balance: i64,
}

#[derive(AsChangeset, Debug, Default)]
#[diesel(table_name = accounts)]
pub struct AccountChanges {
    pub email: Option<String>,
    pub balance: Option<i64>,
}

impl NewAccount {
    pub fn new(id: i64, balance: i64) -> Self {
        Self { id, email: format!("user{id}@example.com"), balance }
    }
}

impl AccountChanges {
    pub fn balance(balance: i64) -> Self {
        Self { balance: Some(balance), ..Self::default() }
    }

    pub fn email(email: &str) -> Self {
        Self { email: Some(email.to_owned()), ..Self::default() }
    }
}

pub const CREATE: &str = "CREATE TABLE accounts (id BIGINT PRIMARY KEY, email VARCHAR(250) NOT NULL UNIQUE, balance BIGINT NOT NULL)";

diesel::table! {
    tags (name) {
        name -> Text,
        uses -> BigInt,
    }
}

/// A key that the database compares without regard to case.
#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = tags, primary_key(name))]
#[cached(pattern = "cache_aside", ttl = "10m", changeset = TagChanges)]
pub struct Tag {
    pub name: String,
    pub uses: i64,
}

#[derive(AsChangeset, Debug)]
#[diesel(table_name = tags)]
pub struct TagChanges {
    pub uses: i64,
}
