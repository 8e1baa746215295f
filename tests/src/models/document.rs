//! For PostgreSQL alone: a table in a schema, a uuid key, an array, JSON, and a
//! moment with a time zone. With Diesel's SQLite turned on as well, it compiles.

use cache_runtime::{Cached, with};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    archive.documents (id) {
        id -> Uuid,
        tags -> Array<Text>,
        meta -> Jsonb,
        filed_at -> Timestamptz,
        supersedes -> Nullable<Uuid>,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: None,
    postgres: "CREATE SCHEMA IF NOT EXISTS archive; \
               CREATE TABLE archive.documents (id UUID PRIMARY KEY, tags TEXT[] NOT NULL, meta JSONB NOT NULL, \
               filed_at TIMESTAMPTZ NOT NULL DEFAULT now(), supersedes UUID UNIQUE)",
    mysql: None,
};

/// A filed document.
#[derive(Debug, PartialEq, Queryable, Selectable, Cached)]
#[diesel(table_name = documents, check_for_backend(diesel::pg::Pg))]
#[cached(pattern = "cache_aside", ttl = "30s", backends(postgres), unique(supersedes))]
#[cached(insert = NewDocument, changeset = DocumentChanges)]
pub struct Document {
    id: Uuid,
    tags: Vec<String>,
    #[cached(with = with::json)]
    meta: serde_json::Value,
    filed_at: DateTime<Utc>,
    supersedes: Option<Uuid>,
}

/// A document to file.
#[derive(Insertable)]
#[diesel(table_name = documents)]
pub struct NewDocument {
    id: Uuid,
    tags: Vec<String>,
    meta: serde_json::Value,
    supersedes: Option<Uuid>,
}

/// Changes of a filed document.
#[derive(AsChangeset)]
#[diesel(table_name = documents)]
pub struct DocumentChanges {
    tags: Option<Vec<String>>,
    supersedes: Option<Option<Uuid>>,
}

fn uuid(n: i32) -> Uuid {
    Uuid::from_u64_pair(u64::from(n.unsigned_abs()), 7)
}

impl Sample for Document {
    fn sample(n: i32) -> Self {
        Self {
            id: uuid(n),
            tags: (0..n % 4).map(|tag| format!("tag {tag}")).collect(),
            meta: serde_json::json!({ "n": n, "nested": [null, 1.5, "text"] }),
            filed_at: DateTime::from_timestamp(i64::from(n), 123_457_000).unwrap_or_default(),
            supersedes: (n % 2 == 0).then(|| uuid(n + 1)),
        }
    }
}

impl Sample for NewDocument {
    fn sample(n: i32) -> Self {
        let Document { id, tags, meta, supersedes, .. } = Document::sample(n);
        Self { id, tags, meta, supersedes }
    }
}

impl Sample for DocumentChanges {
    fn sample(n: i32) -> Self {
        Self { tags: Some(vec![format!("changed {n}")]), supersedes: Some(None) }
    }
}
