//! Who owns a package, and who follows it.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{OwnerKind, PackageId, TokenHash, UserId};
use crate::schema::{follows, invitations, package_owners};

/// The key of an owner.
#[derive(Queryable, Selectable, Insertable, Clone, Copy)]
#[diesel(table_name = package_owners, check_for_backend(Sqlite))]
pub struct OwnerId {
    pub package_id: PackageId,
    pub owner_id: i64,
    pub owner_kind: OwnerKind,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = package_owners, check_for_backend(Sqlite))]
pub struct PackageOwner {
    #[diesel(embed)]
    id: OwnerId,
    pub added_by: Option<UserId>,
    deleted: bool,
}

impl PackageOwner {
    pub fn is_active(&self) -> bool {
        !self.deleted
    }
}

#[derive(Insertable)]
#[diesel(table_name = package_owners)]
pub struct NewOwner {
    #[diesel(embed)]
    pub id: OwnerId,
    pub added_by: UserId,
}

#[derive(AsChangeset)]
#[diesel(table_name = package_owners)]
pub struct OwnerChanges {
    pub added_by: Option<UserId>,
    pub deleted: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = invitations, check_for_backend(Sqlite))]
pub struct Invitation {
    pub invitee_id: UserId,
    pub package_id: PackageId,
    pub inviter_id: UserId,
    expires_at: NaiveDateTime,
}

impl Invitation {
    pub fn is_valid(&self, now: NaiveDateTime) -> bool {
        self.expires_at > now
    }
}

#[derive(Insertable)]
#[diesel(table_name = invitations)]
pub struct NewInvitation<'a> {
    pub invitee_id: UserId,
    pub package_id: PackageId,
    pub inviter_id: UserId,
    pub code_hash: &'a TokenHash,
    pub expires_at: NaiveDateTime,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = follows, check_for_backend(Sqlite))]
pub struct Follow {
    user_id: UserId,
    package_id: PackageId,
}

#[derive(Insertable)]
#[diesel(table_name = follows)]
pub struct NewFollow {
    pub user_id: UserId,
    pub package_id: PackageId,
}
