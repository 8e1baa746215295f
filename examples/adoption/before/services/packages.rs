//! Packages and releases, as pages and the resolver read them.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::{AppResult, Registry, maybe};
use crate::models::{
    Category, Dependency, NewCategory, Package, PackageCategory, PackageChanges, PackageId,
    PackageStats, Readme, Release, ReleaseId, Rendered, Yank, canonical,
};
use crate::schema::{
    categories, dependencies, package_categories, package_stats, packages, readmes, releases,
};

impl Registry {
    pub fn package(&self, name: &str) -> AppResult<Option<Package>> {
        maybe(
            packages::table
                .filter(packages::canonical_name.eq(canonical(name)))
                .select(Package::as_select())
                .first(&mut self.connection()?),
        )
    }

    /// In the order of `ids`; one that is gone is left out.
    pub fn packages(&self, ids: &[PackageId]) -> AppResult<Vec<Package>> {
        let mut rows: Vec<Package> = packages::table
            .filter(packages::id.eq_any(ids))
            .select(Package::as_select())
            .load(&mut self.connection()?)?;
        rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
        Ok(rows)
    }

    pub fn search(&self, prefix: &str) -> AppResult<Vec<PackageId>> {
        Ok(packages::table
            .filter(packages::canonical_name.like(format!("{}%", canonical(prefix))))
            .filter(packages::archived.eq(false))
            .order(packages::canonical_name)
            .select(packages::id)
            .load(&mut self.connection()?)?)
    }

    pub fn change_package(&self, id: PackageId, changes: PackageChanges<'_>) -> AppResult<Package> {
        let mut conn = self.connection()?;
        diesel::update(packages::table.find(id)).set(changes).execute(&mut conn)?;
        // Read again, for the trigger.
        Ok(packages::table.find(id).select(Package::as_select()).first(&mut conn)?)
    }

    pub fn release(&self, package: PackageId, number: &str) -> AppResult<Option<Release>> {
        maybe(
            releases::table
                .filter(releases::package_id.eq(package))
                .filter(releases::number.eq(number))
                .select(Release::as_select())
                .first(&mut self.connection()?),
        )
    }

    /// The newest first, for the page of the package.
    pub fn releases(&self, package: PackageId) -> AppResult<Vec<Release>> {
        Ok(releases::table
            .filter(releases::package_id.eq(package))
            .order(releases::id.desc())
            .limit(100)
            .select(Release::as_select())
            .load(&mut self.connection()?)?)
    }

    pub fn yank(&self, package: PackageId, number: &str, yanked: bool) -> AppResult<bool> {
        let changed = diesel::update(
            releases::table
                .filter(releases::package_id.eq(package))
                .filter(releases::number.eq(number)),
        )
        .set(Yank { yanked })
        .execute(&mut self.connection()?)?;
        Ok(changed > 0)
    }

    /// What the resolver asks for, for each release that it looks at.
    pub fn dependencies(&self, release: ReleaseId) -> AppResult<Vec<Dependency>> {
        Ok(dependencies::table
            .filter(dependencies::release_id.eq(release))
            .order(dependencies::position)
            .limit(100)
            .select(Dependency::as_select())
            .load(&mut self.connection()?)?)
    }

    pub fn readme(&self, release: ReleaseId) -> AppResult<Option<Readme>> {
        maybe(
            readmes::table.find(release).select(Readme::as_select()).first(&mut self.connection()?),
        )
    }

    pub fn save_rendered(&self, release: ReleaseId, rendered: String) -> AppResult<()> {
        diesel::update(readmes::table.find(release))
            .set(Rendered { rendered })
            .execute(&mut self.connection()?)?;
        Ok(())
    }

    pub fn stats(&self, package: PackageId) -> AppResult<Option<PackageStats>> {
        maybe(
            package_stats::table
                .find(package)
                .select(PackageStats::as_select())
                .first(&mut self.connection()?),
        )
    }

    pub fn create_category(&self, slug: &str, title: &str) -> AppResult<Category> {
        Ok(diesel::insert_into(categories::table)
            .values(NewCategory { slug, title })
            .returning(Category::as_returning())
            .get_result(&mut self.connection()?)?)
    }

    pub fn category(&self, slug: &str) -> AppResult<Option<Category>> {
        maybe(
            categories::table
                .filter(categories::slug.eq(slug))
                .select(Category::as_select())
                .first(&mut self.connection()?),
        )
    }

    /// An administrator moves a whole branch of the tree.
    pub fn rename_branch(&self, from: &str, to: &str) -> AppResult<usize> {
        Ok(sql_query(
            "UPDATE categories SET slug = ? || substr(slug, length(?) + 1) WHERE slug LIKE ? || '%'",
        )
        .bind::<Text, _>(to)
        .bind::<Text, _>(from)
        .bind::<Text, _>(from)
        .execute(&mut self.connection()?)?)
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
