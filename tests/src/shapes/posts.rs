//! Posts with their authors' names, a heading of each post, and a view: models that read more,
//! or less, than a table.

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        author -> BigInt,
        editor -> Nullable<BigInt>,
        title -> Text,
        words -> BigInt,
    }
}

diesel::table! {
    productive_authors (author) {
        author -> BigInt,
        total -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(authors, posts);

pub const CREATE_AUTHORS: &str =
    "CREATE TABLE authors (id BIGINT PRIMARY KEY, name VARCHAR(60) NOT NULL)";
pub const CREATE_POSTS: &str = "CREATE TABLE posts (id BIGINT PRIMARY KEY, author BIGINT NOT NULL, editor BIGINT, title VARCHAR(60) NOT NULL, words BIGINT NOT NULL)";
pub const CREATE_VIEW: &str =
    "CREATE VIEW productive_authors AS SELECT author, COUNT(*) AS total FROM posts GROUP BY author";

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = authors)]
#[cached(pattern = "write_through", ttl = "10m", insert = NewAuthor, changeset = AuthorChanges)]
pub struct Author {
    pub id: i64,
    pub name: String,
}

#[derive(Insertable)]
#[diesel(table_name = authors)]
pub struct NewAuthor {
    pub id: i64,
    pub name: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = authors)]
pub struct AuthorChanges {
    pub name: String,
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = posts)]
#[cached(pattern = "cache_aside", ttl = "10m", insert = NewPost, changeset = PostChanges)]
pub struct Post {
    pub id: i64,
    pub author: i64,
    pub editor: Option<i64>,
    pub title: String,
    pub words: i64,
}

#[derive(Insertable)]
#[diesel(table_name = posts)]
pub struct NewPost {
    pub id: i64,
    pub author: i64,
    pub editor: Option<i64>,
    pub title: String,
    pub words: i64,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = posts)]
pub struct PostChanges {
    pub author: Option<i64>,
    pub editor: Option<Option<i64>>,
    pub title: Option<String>,
}

/// A post as it is shown: with the name of its author, which is another table's.
#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = posts)]
#[cached(pattern = "cache_aside", ttl = "10m", negative_ttl = "10m", read_only,
         depends_on(Post, via = id), depends_on(Author, via = author),
         list(author, order_by = id, limit = 10))]
pub struct Shown {
    pub id: i64,
    pub title: String,
    pub author: i64,
    #[diesel(select_expression = authors::name)]
    pub author_name: String,
}

/// A post with the name of its editor, if it has one.
#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = posts)]
#[cached(pattern = "cache_aside", ttl = "10m", read_only,
         depends_on(Post, via = id), depends_on(Author, via = editor))]
pub struct Edited {
    pub id: i64,
    pub editor: Option<i64>,
    #[diesel(select_expression = authors::name)]
    pub editor_name: Option<String>,
}

/// A view, which nobody writes and nobody invalidates.
#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = productive_authors)]
#[cached(pattern = "cache_aside", ttl = "150ms", read_only, key(author))]
pub struct Productive {
    pub author: i64,
    pub total: i64,
}
