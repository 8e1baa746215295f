//! Packages and releases, as pages and the resolver read them.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::{AppError, AppResult, Registry};
use crate::models::{
    Category, Dependency, NewCategory, Package, PackageCategory, PackageChanges, PackageId,
    PackageStats, Readme, Release, ReleaseId, Rendered, Yank, canonical,
};
use crate::schema::{categories, package_categories, packages, releases};

impl Registry {
    pub fn package(&self, name: &str) -> AppResult<Option<Arc<Package>>> {
        let packages = self.cache.repository::<Package>();
        Ok(self.cache.run(packages.find_by_canonical_name(canonical(name)))?)
    }

    /// In the order of `ids`; one that is gone is left out.
    pub fn packages(&self, ids: &[PackageId]) -> AppResult<Vec<Arc<Package>>> {
        let rows = self.cache.run(self.cache.repository::<Package>().find_many(ids))?;
        Ok(rows.into_iter().flatten().collect())
    }

    pub fn search(&self, prefix: &str) -> AppResult<Vec<PackageId>> {
        Ok(packages::table
            .filter(packages::canonical_name.like(format!("{}%", canonical(prefix))))
            .filter(packages::archived.eq(false))
            .order(packages::canonical_name)
            .select(packages::id)
            .load(&mut self.connection()?)?)
    }

    pub fn change_package(
        &self,
        id: PackageId,
        changes: PackageChanges<'_>,
    ) -> AppResult<Arc<Package>> {
        let mut conn = self.connection()?;
        diesel::update(packages::table.find(id)).set(changes).execute(&mut conn)?;
        // Read again, for the trigger.
        let row = self.cache.run(self.cache.repository::<Package>().refresh(id))?;
        row.ok_or(AppError::NotFound)
    }

    pub fn release(&self, package: PackageId, number: &str) -> AppResult<Option<Arc<Release>>> {
        let releases = self.cache.repository::<Release>();
        Ok(self.cache.run(releases.find_by_package_id_and_number(package, number))?)
    }

    /// The newest first, for the page of the package.
    pub fn releases(&self, package: PackageId) -> AppResult<Vec<Arc<Release>>> {
        Ok(self.cache.run(self.cache.repository::<Release>().list_by_package_id(package))?)
    }

    pub fn yank(&self, package: PackageId, number: &str, yanked: bool) -> AppResult<bool> {
        let of_it = releases::package_id.eq(package).and(releases::number.eq(number.to_owned()));
        let releases = self.cache.repository::<Release>();
        let changed = self.cache.run(releases.update_where(of_it, Yank { yanked }))?;
        Ok(!changed.is_empty())
    }

    /// What the resolver asks for, for each release that it looks at.
    pub fn dependencies(&self, release: ReleaseId) -> AppResult<Vec<Arc<Dependency>>> {
        Ok(self.cache.run(self.cache.repository::<Dependency>().list_by_release_id(release))?)
    }

    pub fn readme(&self, release: ReleaseId) -> AppResult<Option<Arc<Readme>>> {
        Ok(self.cache.run(self.cache.repository::<Readme>().find(release))?)
    }

    pub fn save_rendered(&self, release: ReleaseId, rendered: String) -> AppResult<()> {
        let change = Rendered { rendered };
        self.cache.run(self.cache.repository::<Readme>().update(release, change))?;
        Ok(())
    }

    pub fn stats(&self, package: PackageId) -> AppResult<Option<Arc<PackageStats>>> {
        Ok(self.cache.run(self.cache.repository::<PackageStats>().find(package))?)
    }

    pub fn create_category(&self, slug: &str, title: &str) -> AppResult<Category> {
        Ok(diesel::insert_into(categories::table)
            .values(NewCategory { slug, title })
            .returning(Category::as_returning())
            .get_result(&mut self.connection()?)?)
    }

    pub fn category(&self, slug: &str) -> AppResult<Option<Arc<Category>>> {
        Ok(self.cache.run(self.cache.repository::<Category>().find_by_slug(slug))?)
    }

    /// An administrator moves a whole branch of the tree.
    pub fn rename_branch(&self, from: &str, to: &str) -> AppResult<usize> {
        let renamed = sql_query(
            "UPDATE categories SET slug = ? || substr(slug, length(?) + 1) WHERE slug LIKE ? || '%'",
        )
        .bind::<Text, _>(to)
        .bind::<Text, _>(from)
        .bind::<Text, _>(from)
        .execute(&mut self.connection()?)?;
        self.cache.run(self.cache.repository::<Category>().invalidate_table())?;
        Ok(renamed)
    }

    pub fn categorize(&self, package: PackageId, slugs: &[&str]) -> AppResult<()> {
        self.connection()?.immediate_transaction(|conn| {
            let of_it =
                package_categories::table.filter(package_categories::package_id.eq(package));
            diesel::delete(of_it).execute(conn)?;
            let rows: Vec<PackageCategory> = categories::table
                .filter(categories::slug.eq_any(slugs))
                .select(categories::id)
                .load(conn)?
                .into_iter()
                .map(|category_id| PackageCategory { package_id: package, category_id })
                .collect();
            diesel::insert_into(package_categories::table).values(rows).execute(conn)?;
            Ok(())
        })
    }

    pub fn categories_of(&self, package: PackageId) -> AppResult<Vec<String>> {
        Ok(package_categories::table
            .inner_join(categories::table)
            .filter(package_categories::package_id.eq(package))
            .order(categories::slug)
            .select(categories::title)
            .load(&mut self.connection()?)?)
    }
}
