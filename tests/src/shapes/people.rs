//! People with a login in any spelling, unique among those who are not deleted; a deleted one
//! may come back.

use std::borrow::Cow;

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    people (id) {
        id -> BigInt,
        login -> Text,
        nick -> Nullable<Text>,
        deleted_at -> Nullable<BigInt>,
        token -> Nullable<Text>,
    }
}

pub const CREATE: &str = "CREATE TABLE people (id BIGINT PRIMARY KEY, login VARCHAR(60) NOT NULL, nick VARCHAR(60), deleted_at BIGINT, token VARCHAR(60) UNIQUE)";

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = people)]
#[cached(pattern = "cache_aside", ttl = "10m", negative_ttl = "10m",
         unique(login, normalize = lower, when = not_deleted), unique(nick, normalize = lower),
         unique(token: Option<String>),
         list(order_by = id, when = not_deleted, limit = 100),
         insert = NewPerson<'static>, changeset(Rename, Retire, NewToken))]
pub struct Person {
    pub id: i64,
    pub login: String,
    pub nick: Option<String>,
    pub deleted_at: Option<i64>,
}

/// In lower case, here and in SQL.
mod lower {
    use diesel::sql_types::{SingleValue, SqlType, Text};

    pub(super) trait Textual: SqlType + SingleValue {}
    impl Textual for Text {}
    impl Textual for diesel::sql_types::Nullable<Text> {}

    #[diesel::declare_sql_function]
    extern "SQL" {
        fn lower<T: Textual>(text: T) -> T;
    }

    pub(super) fn value(text: &str) -> String {
        text.to_lowercase()
    }

    pub(super) use lower as column;
}

mod not_deleted {
    use diesel::prelude::*;

    pub(super) fn holds(person: &super::Person) -> bool {
        person.deleted_at.is_none()
    }

    pub(super) fn condition() -> diesel::dsl::IsNull<super::people::deleted_at> {
        super::people::deleted_at.is_null()
    }
}

/// It may borrow, and be given what it owns.
#[derive(Insertable)]
#[diesel(table_name = people)]
pub struct NewPerson<'a> {
    pub id: i64,
    pub login: Cow<'a, str>,
    pub nick: Option<Cow<'a, str>>,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = people)]
pub struct Rename {
    pub login: Option<String>,
    pub nick: Option<Option<String>>,
}

/// A secret, by which its owner is found, and which no row that is read holds.
#[derive(AsChangeset)]
#[diesel(table_name = people)]
pub struct NewToken {
    pub token: Option<Option<String>>,
}

/// None is NULL here.
#[derive(AsChangeset)]
#[diesel(table_name = people, treat_none_as_null = true)]
pub struct Retire {
    pub deleted_at: Option<i64>,
}
