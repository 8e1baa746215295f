//! A read model: fewer columns than its table, in another order, under other
//! names. The database fills two columns that no application sends.

use cache_runtime::Cached;
use diesel::prelude::*;

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    articles (id) {
        id -> Integer,
        title -> Text,
        slug -> Text,
        body -> Text,
        revision -> Integer,
        length -> Integer,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: Some(
        "CREATE TABLE articles (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, \
         body TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1, \
         length INTEGER NOT NULL GENERATED ALWAYS AS (length(body)) STORED)",
    ),
    postgres: "CREATE TABLE articles (id SERIAL PRIMARY KEY, title TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, \
               body TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1, \
               length INTEGER NOT NULL GENERATED ALWAYS AS (length(body)) STORED)",
    mysql: Some(
        "CREATE TABLE articles (id INTEGER PRIMARY KEY AUTO_INCREMENT, title TEXT NOT NULL, \
         slug VARCHAR(100) NOT NULL UNIQUE, body TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1, \
         length INTEGER GENERATED ALWAYS AS (char_length(body)) STORED)",
    ),
};

/// What lists and links need of an article.
#[derive(Debug, PartialEq, Queryable, Selectable, Cached)]
#[diesel(table_name = articles)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg, diesel::mysql::Mysql))]
#[cached(pattern = "cache_aside", ttl = "2m", negative_ttl = "5s", unique(slug))]
#[cached(insert = NewArticle, changeset = ArticleChanges)]
pub struct ArticleHead {
    /// Unique, and the start of the address.
    pub slug: String,
    /// The key.
    #[diesel(column_name = id)]
    pub article_id: i32,
    /// As shown.
    #[diesel(column_name = "title")]
    pub headline: String,
    /// Counted by the database.
    pub length: i32,
    /// Defaulted by the database.
    pub revision: i32,
}

/// A new article.
#[derive(Insertable)]
#[diesel(table_name = articles)]
pub struct NewArticle {
    /// As shown.
    pub title: String,
    /// Unique.
    pub slug: String,
    /// The text.
    pub body: String,
}

/// Changes of an article.
#[derive(AsChangeset)]
#[diesel(table_name = articles)]
pub struct ArticleChanges {
    /// As shown.
    pub title: Option<String>,
    /// Unique.
    pub slug: Option<String>,
    /// The text.
    pub body: Option<String>,
}

impl Sample for ArticleHead {
    fn sample(n: i32) -> Self {
        Self {
            slug: format!("slug-{n}"),
            article_id: n,
            headline: format!("Headline {n}"),
            length: n,
            revision: 1 + n,
        }
    }
}

impl Sample for NewArticle {
    fn sample(n: i32) -> Self {
        Self {
            title: format!("Headline {n}"),
            slug: format!("slug-{n}"),
            body: "x".repeat(n.unsigned_abs() as usize),
        }
    }
}

impl Sample for ArticleChanges {
    fn sample(n: i32) -> Self {
        Self { title: None, slug: Some(format!("moved-{n}")), body: Some(format!("changed {n}")) }
    }
}
