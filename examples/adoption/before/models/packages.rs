//! Packages and their releases.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use serde::Serialize;
use sha2::Digest as _;

use super::{CategoryId, Json, OrganizationId, PackageId, ReleaseId, UserId};
use crate::schema::{
    categories, dependencies, package_categories, package_stats, packages, readmes, releases,
};

#[derive(Queryable, Selectable, Identifiable, Serialize)]
#[diesel(table_name = packages, check_for_backend(Sqlite))]
pub struct Package {
    pub id: PackageId,
    pub name: String,
    #[serde(skip)]
    canonical_name: String,
    #[serde(skip)]
    pub organization_id: Option<OrganizationId>,
    pub description: Option<String>,
    pub homepage: Option<String>,
    pub archived: bool,
    /// A trigger counts it on.
    pub updated_at: NaiveDateTime,
}

/// `My_Package` and `my-package` are one package.
pub fn canonical(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[derive(Insertable)]
#[diesel(table_name = packages)]
pub struct NewPackage<'a> {
    pub name: &'a str,
    pub canonical_name: String,
    pub organization_id: Option<OrganizationId>,
    pub description: Option<&'a str>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = packages)]
pub struct PackageChanges<'a> {
    pub description: Option<Option<&'a str>>,
    pub homepage: Option<Option<&'a str>>,
    pub archived: Option<bool>,
}

/// What was uploaded.
#[derive(Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = releases, check_for_backend(Sqlite))]
pub struct Artifact {
    pub checksum: String,
    pub size: i64,
}

impl Artifact {
    pub fn of(content: &[u8]) -> Self {
        let checksum =
            sha2::Sha256::digest(content)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { checksum, size: i64::try_from(content.len()).unwrap_or(i64::MAX) }
    }
}

#[derive(Queryable, Selectable, Identifiable, Serialize)]
#[diesel(table_name = releases, check_for_backend(Sqlite))]
pub struct Release {
    pub id: ReleaseId,
    #[serde(skip)]
    pub package_id: PackageId,
    pub number: String,
    #[diesel(embed)]
    pub artifact: Artifact,
    pub features: Json,
    pub yanked: bool,
    #[serde(skip)]
    pub published_by: Option<UserId>,
}

#[derive(Insertable)]
#[diesel(table_name = releases)]
pub struct NewRelease<'a> {
    pub package_id: PackageId,
    pub number: &'a str,
    #[diesel(embed)]
    pub artifact: Artifact,
    pub features: Json,
    pub published_by: UserId,
    pub published_at: NaiveDateTime,
}

#[derive(AsChangeset)]
#[diesel(table_name = releases)]
pub struct Yank {
    pub yanked: bool,
}

#[derive(Queryable, Selectable, Serialize)]
#[diesel(table_name = dependencies, check_for_backend(Sqlite))]
pub struct Dependency {
    #[serde(skip)]
    release_id: ReleaseId,
    #[serde(skip)]
    position: i32,
    pub package_name: String,
    pub requirement: String,
    pub optional: bool,
}

#[derive(Insertable)]
#[diesel(table_name = dependencies)]
pub struct NewDependency<'a> {
    pub release_id: ReleaseId,
    pub position: i32,
    pub package_name: &'a str,
    pub requirement: &'a str,
    pub optional: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = readmes, check_for_backend(Sqlite))]
pub struct Readme {
    release_id: ReleaseId,
    body: String,
    rendered: Option<String>,
}

impl Readme {
    pub fn html(&self) -> &str {
        self.rendered.as_deref().unwrap_or(&self.body)
    }
}

#[derive(Insertable)]
#[diesel(table_name = readmes)]
pub struct NewReadme<'a> {
    pub release_id: ReleaseId,
    pub body: &'a str,
}

#[derive(AsChangeset)]
#[diesel(table_name = readmes)]
pub struct Rendered {
    pub rendered: String,
}

#[derive(Queryable, Selectable, Identifiable, Serialize)]
#[diesel(table_name = categories, check_for_backend(Sqlite))]
pub struct Category {
    #[serde(skip)]
    pub id: CategoryId,
    pub slug: String,
    pub title: String,
}

#[derive(Insertable)]
#[diesel(table_name = categories)]
pub struct NewCategory<'a> {
    pub slug: &'a str,
    pub title: &'a str,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = package_categories, check_for_backend(Sqlite))]
pub struct PackageCategory {
    pub package_id: PackageId,
    pub category_id: CategoryId,
}

/// A row of the view.
#[derive(Queryable, Selectable, Serialize)]
#[diesel(table_name = package_stats, check_for_backend(Sqlite))]
pub struct PackageStats {
    #[serde(skip)]
    package_id: PackageId,
    pub releases: i64,
    pub followers: i64,
    pub downloads: i64,
}
