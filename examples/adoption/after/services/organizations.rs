//! Organizations, their members and settings.

use std::sync::Arc;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{AppError, AppResult, Registry};
use crate::models::{
    Billing, Json, Member, NewMember, NewOrganization, NewSetting, Organization, OrganizationId,
    Role, RoleChange, Setting, Suspension, UserId,
};
use crate::schema::{members, organizations};

impl Registry {
    pub fn found_organization(
        &self,
        slug: &str,
        founder: UserId,
        now: NaiveDateTime,
    ) -> AppResult<Organization> {
        self.connection()?.immediate_transaction(|conn| {
            let row = diesel::insert_into(organizations::table)
                .values(NewOrganization { slug })
                .returning(Organization::as_returning())
                .get_result(conn)?;
            diesel::insert_into(members::table)
                .values(NewMember {
                    organization_id: row.id,
                    user_id: founder,
                    role: Role::Owner,
                    added_at: now,
                })
                .execute(conn)?;
            Ok(row)
        })
    }

    pub fn organization(&self, id: OrganizationId) -> AppResult<Option<Arc<Organization>>> {
        Ok(self.cache.run(self.cache.repository::<Organization>().find(id))?)
    }

    pub fn organization_by_slug(&self, slug: &str) -> AppResult<Option<Arc<Organization>>> {
        Ok(self.cache.run(self.cache.repository::<Organization>().find_by_slug(slug))?)
    }

    pub fn save_billing(
        &self,
        id: OrganizationId,
        billing: Billing,
    ) -> AppResult<Arc<Organization>> {
        let row = self.cache.run(self.cache.repository::<Organization>().update(id, billing))?;
        row.ok_or(AppError::NotFound)
    }

    /// From the moment this returns, nobody publishes for the organization.
    pub fn suspend(&self, id: OrganizationId, since: Option<NaiveDateTime>) -> AppResult<()> {
        let change = Suspension { suspended_at: since };
        self.cache.run(self.cache.repository::<Organization>().update(id, change))?;
        Ok(())
    }

    pub fn role(&self, id: OrganizationId, user: UserId) -> AppResult<Option<Role>> {
        let row = self.cache.run(self.cache.repository::<Member>().find((id, user)))?;
        Ok(row.map(|member| member.role))
    }

    pub fn members(&self, id: OrganizationId) -> AppResult<Vec<Member>> {
        Ok(members::table
            .filter(members::organization_id.eq(id))
            .order(members::user_id)
            .select(Member::as_select())
            .load(&mut self.connection()?)?)
    }

    pub fn set_role(&self, row: NewMember) -> AppResult<()> {
        let (id, user) = (row.organization_id, row.user_id);
        let seats = self.organization(id)?.ok_or(AppError::NotFound)?.seats;
        let taken = self.members(row.organization_id)?;
        let is_new = taken.iter().all(|member| member.user_id != row.user_id);
        if is_new && taken.len() >= usize::try_from(seats).unwrap_or(0) {
            return Err(AppError::Forbidden("no seat is left"));
        }
        let change = RoleChange { role: row.role };
        self.cache.run(self.cache.repository::<Member>().upsert((id, user), row, change))?;
        Ok(())
    }

    pub fn remove_member(&self, id: OrganizationId, user: UserId) -> AppResult<bool> {
        let deleted = self.cache.run(self.cache.repository::<Member>().delete((id, user)))?;
        Ok(deleted.is_some())
    }

    pub fn setting(&self, id: OrganizationId, name: &str) -> AppResult<Option<Json>> {
        let row = self.cache.run(self.cache.repository::<Setting>().find((id, name)))?;
        Ok(row.map(|setting| setting.value.clone()))
    }

    pub fn set(&self, id: OrganizationId, name: &str, value: Json) -> AppResult<()> {
        let row = NewSetting { organization_id: id, name: name.to_owned(), value };
        let settings = self.cache.repository::<Setting>();
        self.cache.run(settings.upsert((id, name), row.clone(), row))?;
        Ok(())
    }
}
