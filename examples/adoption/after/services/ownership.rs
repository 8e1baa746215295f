//! Owners, invitations and followers.

use chrono::{Duration, NaiveDateTime};
use diesel::prelude::*;

use super::operations::audit;
use super::{AppError, AppResult, Registry};
use crate::models::{
    Follow, Invitation, NewFollow, NewInvitation, NewOwner, OwnerChanges, OwnerId, OwnerKind,
    PackageId, PackageOwner, PackageStats, TokenHash, UserId,
};
use crate::schema::{follows, invitations, package_owners};

impl Registry {
    pub fn is_owner(&self, package: PackageId, user: UserId) -> AppResult<bool> {
        let owners = self.cache.repository::<PackageOwner>();
        let row = self.cache.run(owners.find((package, user.0, OwnerKind::User)))?;
        Ok(row.is_some_and(|owner| owner.is_active()))
    }

    /// The row stays, for whom it was added by.
    pub fn remove_owner(&self, package: PackageId, user: UserId) -> AppResult<()> {
        let key = (package, user.0, OwnerKind::User);
        let change = OwnerChanges { added_by: None, deleted: true };
        self.cache.run(self.cache.repository::<PackageOwner>().update(key, change))?;
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
        self.cache.run(self.cache.cache().pinned_transaction(move |tx| {
            let conn: &mut SqliteConnection = tx;
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
            tx.touch::<PackageOwner>([(row.package_id, row.invitee_id.0, OwnerKind::User)])?;
            Ok(row.package_id)
        }))
    }

    pub fn follows(&self, user: UserId, package: PackageId) -> AppResult<bool> {
        let row = self.cache.run(self.cache.repository::<Follow>().find((user, package)))?;
        Ok(row.is_some())
    }

    pub fn follow(&self, user: UserId, package: PackageId) -> AppResult<()> {
        let row = NewFollow { user_id: user, package_id: package };
        self.cache.run(self.cache.repository::<Follow>().insert(row))?;
        self.cache.wait(self.cache.repository::<PackageStats>().invalidate(package))?;
        Ok(())
    }

    pub fn unfollow(&self, user: UserId, package: PackageId) -> AppResult<()> {
        self.cache.run(self.cache.repository::<Follow>().delete((user, package)))?;
        self.cache.wait(self.cache.repository::<PackageStats>().invalidate(package))?;
        Ok(())
    }

    pub fn unfollow_all(&self, user: UserId) -> AppResult<usize> {
        let follows = self.cache.repository::<Follow>();
        let gone = self.cache.run(follows.delete_where(follows::user_id.eq(user)))?;
        let packages = gone.iter().map(|follow| follow.package_id);
        self.cache.wait(self.cache.repository::<PackageStats>().invalidate_many(packages))?;
        Ok(gone.len())
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
