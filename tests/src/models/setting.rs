//! A model whose `primary_key` for Diesel is not its table's: keyed by it, the
//! settings of all tenants would mix. And attributes of other crates.

use cache_runtime::Cached;
use diesel::prelude::*;

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    settings (tenant, name) {
        tenant -> Integer,
        name -> Text,
        #[sql_name = "type"]
        kind -> Text,
        enabled -> Bool,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: Some(
        "CREATE TABLE settings (tenant INTEGER NOT NULL, name TEXT NOT NULL, \"type\" TEXT NOT NULL, \
         enabled BOOLEAN NOT NULL, PRIMARY KEY (tenant, name))",
    ),
    postgres: "CREATE TABLE settings (tenant INTEGER NOT NULL, name TEXT NOT NULL, \"type\" TEXT NOT NULL, \
               enabled BOOLEAN NOT NULL, PRIMARY KEY (tenant, name))",
    mysql: Some(
        "CREATE TABLE settings (tenant INTEGER, name VARCHAR(100), `type` VARCHAR(100) NOT NULL, \
         enabled BOOLEAN NOT NULL, PRIMARY KEY (tenant, name))",
    ),
};

/// A setting, associated to other models by its name alone.
#[cfg_attr(all(), derive(Debug, PartialEq))]
#[derive(Queryable, Identifiable, serde::Serialize, Cached)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(all(), diesel(table_name = settings, primary_key(name)))]
#[cfg_attr(any(), cached(pattern = "write_behind"))]
#[cached(pattern = "cache_aside", ttl = "1d", consistency = "eventual", on_write = "invalidate")]
#[cached(key(tenant, name), insert = NewSetting, changeset = SettingChanges)]
pub struct Setting {
    #[serde(rename = "tenantId")]
    tenant: i32,
    name: String,
    #[diesel(column_name = kind)]
    #[cfg_attr(all(), serde(rename = "kind"))]
    r#type: String,
    enabled: bool,
}

/// A new setting.
#[derive(Insertable)]
#[diesel(table_name = settings)]
pub struct NewSetting {
    /// Whose it is.
    pub tenant: i32,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Whether it holds.
    pub enabled: bool,
}

/// Changes of a setting.
#[derive(AsChangeset)]
#[diesel(table_name = settings)]
pub struct SettingChanges {
    /// What it is.
    pub kind: Option<String>,
    /// Whether it holds.
    pub enabled: Option<bool>,
}

impl Sample for Setting {
    fn sample(n: i32) -> Self {
        Self {
            tenant: n % 7,
            name: format!("setting-{n}"),
            r#type: format!("kind {n}"),
            enabled: n % 2 == 0,
        }
    }
}

impl Sample for NewSetting {
    fn sample(n: i32) -> Self {
        let Setting { tenant, name, r#type, enabled } = Setting::sample(n);
        Self { tenant, name, kind: r#type, enabled }
    }
}

impl Sample for SettingChanges {
    fn sample(n: i32) -> Self {
        Self { kind: Some(format!("changed {n}")), enabled: None }
    }
}
