//! A key within an embedded struct.

use cache_runtime::{Cached, CachedEmbed};
use diesel::prelude::*;

diesel::table! {
    links (provider, subject) {
        provider -> Text,
        subject -> BigInt,
        handle -> Text,
        score -> BigInt,
    }
}

pub const CREATE: &str = "CREATE TABLE links (provider VARCHAR(60) NOT NULL, subject BIGINT NOT NULL, handle VARCHAR(60) NOT NULL UNIQUE, score BIGINT NOT NULL, PRIMARY KEY (provider, subject))";

/// Who somebody is elsewhere.
#[derive(Queryable, Insertable, CachedEmbed, Debug, Clone, PartialEq, Eq)]
#[diesel(table_name = links)]
pub struct Identity {
    provider: String,
    subject: i64,
    #[diesel(column_name = handle)]
    name: String,
}

impl Identity {
    pub fn new(provider: &str, subject: i64, name: &str) -> Self {
        Self { provider: provider.to_owned(), subject, name: name.to_owned() }
    }
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = links)]
#[cached(pattern = "cache_aside", ttl = "10m", key(identity.provider, identity.subject),
         unique(identity.handle), list(identity.provider, order_by = score.desc(), limit = 5),
         insert = NewLink, changeset = LinkChanges)]
pub struct Link {
    pub score: i64,
    #[diesel(embed)]
    pub identity: Identity,
}

#[derive(Insertable)]
#[diesel(table_name = links)]
pub struct NewLink {
    #[diesel(embed)]
    pub identity: Identity,
    pub score: i64,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = links)]
pub struct LinkChanges {
    pub handle: Option<String>,
    pub score: Option<i64>,
}
