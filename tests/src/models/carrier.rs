//! The plainest model: positional `Queryable`, private fields, a text key that
//! is not called `id`.

use cache_runtime::Cached;
use diesel::prelude::*;

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    carriers (code) {
        code -> Text,
        name -> Text,
        fleet -> Integer,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: Some(
        "CREATE TABLE carriers (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, fleet INTEGER NOT NULL DEFAULT 0)",
    ),
    postgres: "CREATE TABLE carriers (code TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, fleet INTEGER NOT NULL DEFAULT 0)",
    mysql: Some(
        "CREATE TABLE carriers (code VARCHAR(20) PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE, fleet INTEGER NOT NULL DEFAULT 0)",
    ),
};

/// An airline.
#[derive(Debug, PartialEq, Queryable, Cached)]
#[diesel(table_name = carriers)]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = "10%", negative_ttl = "30s")]
#[cached(key(code), unique(name), insert = NewCarrier, changeset = CarrierChanges)]
pub struct Carrier {
    code: String,
    name: String,
    fleet: i32,
}

impl Carrier {
    /// The airline's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A new airline; how large its fleet is, the database defaults.
#[derive(Insertable)]
#[diesel(table_name = carriers)]
pub struct NewCarrier {
    /// The key.
    pub code: String,
    /// Unique.
    pub name: String,
    /// Zero, unless given.
    pub fleet: Option<i32>,
}

/// Changes of an airline.
#[derive(AsChangeset)]
#[diesel(table_name = carriers)]
pub struct CarrierChanges {
    /// A new name.
    pub name: Option<String>,
    /// A new size of the fleet.
    pub fleet: Option<i32>,
}

impl Sample for Carrier {
    fn sample(n: i32) -> Self {
        Self { code: format!("C{n}"), name: format!("Carrier {n}"), fleet: n }
    }
}

impl Sample for NewCarrier {
    fn sample(n: i32) -> Self {
        Self { code: format!("C{n}"), name: format!("Carrier {n}"), fleet: None }
    }
}

impl Sample for CarrierChanges {
    fn sample(n: i32) -> Self {
        Self { name: Some(format!("Changed {n}")), fleet: Some(n) }
    }
}
