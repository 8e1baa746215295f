//! Organizations: the tenants.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{Json, OrganizationId, Role, UserId};
use crate::schema::{members, organizations, settings};

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = organizations, check_for_backend(Sqlite))]
pub struct Organization {
    pub id: OrganizationId,
    pub slug: String,
    pub billing_email: Option<String>,
    pub plan: String,
    pub seats: i32,
    pub suspended_at: Option<NaiveDateTime>,
}

#[derive(Insertable)]
#[diesel(table_name = organizations)]
pub struct NewOrganization<'a> {
    pub slug: &'a str,
}

/// What the billing page saves: an empty field empties its column.
#[derive(AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
pub struct Billing {
    pub billing_email: Option<String>,
    pub plan: String,
    pub seats: i32,
}

#[derive(AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
pub struct Suspension {
    pub suspended_at: Option<NaiveDateTime>,
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = members, primary_key(organization_id, user_id), check_for_backend(Sqlite))]
pub struct Member {
    organization_id: OrganizationId,
    pub user_id: UserId,
    pub role: Role,
}

#[derive(Insertable)]
#[diesel(table_name = members)]
pub struct NewMember {
    pub organization_id: OrganizationId,
    pub user_id: UserId,
    pub role: Role,
    pub added_at: NaiveDateTime,
}

#[derive(AsChangeset)]
#[diesel(table_name = members)]
pub struct RoleChange {
    pub role: Role,
}

/// Associated to others by its name alone: `primary_key` is not the table's.
#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = settings, primary_key(name), check_for_backend(Sqlite))]
pub struct Setting {
    organization_id: OrganizationId,
    name: String,
    pub value: Json,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = settings)]
pub struct NewSetting<'a> {
    pub organization_id: OrganizationId,
    pub name: &'a str,
    pub value: Json,
}
