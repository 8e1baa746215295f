//! Owners, invitations and followers.

use chrono::{Duration, NaiveDateTime};
use diesel::prelude::*;

use super::operations::audit;
use super::{AppError, AppResult, Registry, maybe};
use crate::models::{
    Follow, Invitation, NewFollow, NewInvitation, NewOwner, OwnerChanges, OwnerId, OwnerKind,
    PackageId, PackageOwner, TokenHash, UserId,
};
use crate::schema::{follows, invitations, package_owners};

impl Registry {
    pub fn is_owner(&self, package: PackageId, user: UserId) -> AppResult<bool> {
        let row = maybe(
            package_owners::table
                .find((package, user.0, OwnerKind::User))
                .select(PackageOwner::as_select())
                .first(&mut self.connection()?),
        )?;
        Ok(row.is_some_and(|owner| owner.is_active()))
    }

    /// The row stays, for whom it was added by.
    pub fn remove_owner(&self, package: PackageId, user: UserId) -> AppResult<()> {
        diesel::update(package_owners::table.find((package, user.0, OwnerKind::User)))
            .set(OwnerChanges { added_by: None, deleted: true })
            .execute(&mut self.connection()?)?;
        Ok(())
    }

    pub fn invite(
        &self,
        package: PackageId,
        inviter: UserId,
        invitee: UserId,
        now: NaiveDateTime,
    ) -> AppResult<String> {
        if !self.is_owner(package, inviter)? {
            return Err(AppError::Forbidden("only owners invite"));
        }
        let code = format!("invitation to {} for {}", package.0, invitee.0);
        let expires_at = now + Duration::days(30);
        diesel::insert_into(invitations::table)
            .values(NewInvitation {
                invitee_id: invitee,
                package_id: package,
                inviter_id: inviter,
                code_hash: &TokenHash::of(&code),
                expires_at,
            })
            .on_conflict((invitations::invitee_id, invitations::package_id))
            .do_update()
            .set(invitations::expires_at.eq(expires_at))
            .execute(&mut self.connection()?)?;
        Ok(code)
    }

    pub fn accept_invitation(&self, code: &str, now: NaiveDateTime) -> AppResult<PackageId> {
        let hash = TokenHash::of(code);
        self.connection()?.immediate_transaction(|conn| {
            let row: Invitation = invitations::table
                .filter(invitations::code_hash.eq(&hash))
                .select(Invitation::as_select())
                .first(conn)?;
            if !row.is_valid(now) {
                return Err(AppError::Forbidden("the invitation has expired"));
            }
            diesel::delete(invitations::table.find((row.invitee_id, row.package_id)))
                .execute(conn)?;
            add_owner(conn, row.package_id, row.invitee_id, row.inviter_id)?;
            audit(conn, Some(row.invitee_id), "accept", &row.package_id.0.to_string(), now)?;
            Ok(row.package_id)
        })
    }

    pub fn follows(&self, user: UserId, package: PackageId) -> AppResult<bool> {
        let row: Option<Follow> = maybe(
            follows::table
                .find((user, package))
                .select(Follow::as_select())
                .first(&mut self.connection()?),
        )?;
        Ok(row.is_some())
    }

    pub fn follow(&self, user: UserId, package: PackageId) -> AppResult<()> {
        diesel::insert_into(follows::table)
            .values(NewFollow { user_id: user, package_id: package })
            .execute(&mut self.connection()?)?;
        Ok(())
    }

    pub fn unfollow(&self, user: UserId, package: PackageId) -> AppResult<()> {
        diesel::delete(follows::table.find((user, package))).execute(&mut self.connection()?)?;
        Ok(())
    }

    pub fn unfollow_all(&self, user: UserId) -> AppResult<usize> {
        Ok(diesel::delete(follows::table.filter(follows::user_id.eq(user)))
            .execute(&mut self.connection()?)?)
    }
}

/// An owner who was removed comes back.
fn add_owner(
    conn: &mut SqliteConnection,
    package_id: PackageId,
    user: UserId,
    added_by: UserId,
) -> AppResult<()> {
    let id = OwnerId { package_id, owner_id: user.0, owner_kind: OwnerKind::User };
    diesel::insert_into(package_owners::table)
        .values(NewOwner { id, added_by })
        .on_conflict((
            package_owners::package_id,
            package_owners::owner_id,
            package_owners::owner_kind,
        ))
        .do_update()
        .set(OwnerChanges { added_by: Some(added_by), deleted: false })
        .execute(conn)?;
    Ok(())
}
