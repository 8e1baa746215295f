//! Publishing: one transaction over seven tables.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::operations::{audit, enqueue};
use super::{AppError, AppResult, Registry};
use crate::models::{
    Artifact, Json, NewDependency, NewOwner, NewPackage, NewReadme, NewRelease, OrganizationId,
    OwnerId, OwnerKind, Package, PackageId, ReleaseId, Role, UserId, canonical,
};
use crate::schema::{dependencies, organizations, package_owners, packages, readmes, releases};

/// What a client sends.
pub struct Upload<'a> {
    pub name: &'a str,
    pub number: &'a str,
    pub description: Option<&'a str>,
    pub organization: Option<OrganizationId>,
    pub content: &'a [u8],
    pub features: Json,
    /// Names and requirements.
    pub dependencies: &'a [(&'a str, &'a str)],
    pub readme: Option<&'a str>,
}

impl Registry {
    pub fn publish(
        &self,
        author: UserId,
        upload: &Upload<'_>,
        now: NaiveDateTime,
    ) -> AppResult<(PackageId, ReleaseId)> {
        if let Some(id) = upload.organization {
            self.may_publish_for(id, author)?;
        }
        self.connection()?.immediate_transaction(|conn| {
            let package = package_of(conn, author, upload, now)?;
            let release = new_release(conn, package, author, upload, now)?;
            audit(conn, Some(author), "publish", upload.name, now)?;
            enqueue(conn, "render_readme", &release.0.to_string(), now)?;
            Ok((package, release))
        })
    }

    /// A role that was taken away must not publish once more.
    fn may_publish_for(&self, id: OrganizationId, author: UserId) -> AppResult<()> {
        let suspended: Option<NaiveDateTime> = organizations::table
            .find(id)
            .select(organizations::suspended_at)
            .first(&mut self.connection()?)?;
        if suspended.is_some() {
            return Err(AppError::Forbidden("the organization is suspended"));
        }
        match self.role(id, author)? {
            Some(role) if role >= Role::Publisher => Ok(()),
            _ => Err(AppError::Forbidden("the author may not publish for the organization")),
        }
    }
}

fn package_of(
    conn: &mut SqliteConnection,
    author: UserId,
    upload: &Upload<'_>,
    now: NaiveDateTime,
) -> AppResult<PackageId> {
    let canonical_name = canonical(upload.name);
    let known: Option<Package> = packages::table
        .filter(packages::canonical_name.eq(&canonical_name))
        .select(Package::as_select())
        .first(conn)
        .optional()?;
    if let Some(package) = known {
        let key = (package.id, author.0, OwnerKind::User);
        let owned = diesel::select(diesel::dsl::exists(
            package_owners::table.find(key).filter(package_owners::deleted.eq(false)),
        ));
        if package.organization_id.is_none() && !owned.get_result::<bool>(conn)? {
            return Err(AppError::Forbidden("the author does not own the package"));
        }
        return Ok(package.id);
    }
    let id = diesel::insert_into(packages::table)
        .values(NewPackage {
            name: upload.name,
            canonical_name,
            organization_id: upload.organization,
            description: upload.description,
            created_at: now,
            updated_at: now,
        })
        .returning(packages::id)
        .get_result(conn)?;
    let key = OwnerId { package_id: id, owner_id: author.0, owner_kind: OwnerKind::User };
    diesel::insert_into(package_owners::table)
        .values(NewOwner { id: key, added_by: author })
        .execute(conn)?;
    Ok(id)
}

fn new_release(
    conn: &mut SqliteConnection,
    package: PackageId,
    author: UserId,
    upload: &Upload<'_>,
    now: NaiveDateTime,
) -> AppResult<ReleaseId> {
    let release_id = diesel::insert_into(releases::table)
        .values(NewRelease {
            package_id: package,
            number: upload.number,
            artifact: Artifact::of(upload.content),
            features: upload.features.clone(),
            published_by: author,
            published_at: now,
        })
        .returning(releases::id)
        .get_result(conn)?;
    let rows: Vec<NewDependency<'_>> = (0..)
        .zip(upload.dependencies)
        .map(|(position, (package_name, requirement))| NewDependency {
            release_id,
            position,
            package_name,
            requirement,
            optional: requirement.ends_with('?'),
        })
        .collect();
    diesel::insert_into(dependencies::table).values(rows).execute(conn)?;
    if let Some(body) = upload.readme {
        diesel::insert_into(readmes::table).values(NewReadme { release_id, body }).execute(conn)?;
    }
    Ok(release_id)
}
