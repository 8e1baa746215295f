//! Organizations, their members and settings.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{AppError, AppResult, Registry, maybe};
use crate::models::{
    Billing, Json, Member, NewMember, NewOrganization, NewSetting, Organization, OrganizationId,
    Role, RoleChange, Setting, Suspension, UserId,
};
use crate::schema::{members, organizations, settings};

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

    pub fn organization(&self, id: OrganizationId) -> AppResult<Option<Organization>> {
        maybe(
            organizations::table
                .find(id)
                .select(Organization::as_select())
                .first(&mut self.connection()?),
        )
    }

    pub fn organization_by_slug(&self, slug: &str) -> AppResult<Option<Organization>> {
        maybe(
            organizations::table
                .filter(organizations::slug.eq(slug))
                .select(Organization::as_select())
                .first(&mut self.connection()?),
        )
    }

    pub fn save_billing(&self, id: OrganizationId, billing: Billing) -> AppResult<Organization> {
        Ok(diesel::update(organizations::table.find(id))
            .set(billing)
            .returning(Organization::as_returning())
            .get_result(&mut self.connection()?)?)
    }

    /// From the moment this returns, nobody publishes for the organization.
    pub fn suspend(&self, id: OrganizationId, since: Option<NaiveDateTime>) -> AppResult<()> {
        diesel::update(organizations::table.find(id))
            .set(Suspension { suspended_at: since })
            .execute(&mut self.connection()?)?;
        Ok(())
    }

    pub fn role(&self, id: OrganizationId, user: UserId) -> AppResult<Option<Role>> {
        maybe(members::table.find((id, user)).select(members::role).first(&mut self.connection()?))
    }

    pub fn members(&self, id: OrganizationId) -> AppResult<Vec<Member>> {
        Ok(members::table
            .filter(members::organization_id.eq(id))
            .order(members::user_id)
            .select(Member::as_select())
            .load(&mut self.connection()?)?)
    }

    pub fn set_role(&self, row: NewMember) -> AppResult<()> {
        let mut conn = self.connection()?;
        let seats: i32 = organizations::table
            .find(row.organization_id)
            .select(organizations::seats)
            .first(&mut conn)?;
        let taken = self.members(row.organization_id)?;
        let is_new = taken.iter().all(|member| member.user_id != row.user_id);
        if is_new && taken.len() >= usize::try_from(seats).unwrap_or(0) {
            return Err(AppError::Forbidden("no seat is left"));
        }
        let change = RoleChange { role: row.role };
        diesel::insert_into(members::table)
            .values(row)
            .on_conflict((members::organization_id, members::user_id))
            .do_update()
            .set(change)
            .execute(&mut conn)?;
        Ok(())
    }

    pub fn remove_member(&self, id: OrganizationId, user: UserId) -> AppResult<bool> {
        let deleted =
            diesel::delete(members::table.find((id, user))).execute(&mut self.connection()?)?;
        Ok(deleted > 0)
    }

    pub fn setting(&self, id: OrganizationId, name: &str) -> AppResult<Option<Json>> {
        let row = maybe(
            settings::table
                .find((id, name))
                .select(Setting::as_select())
                .first(&mut self.connection()?),
        )?;
        Ok(row.map(|setting| setting.value))
    }

    pub fn set(&self, id: OrganizationId, name: &str, value: Json) -> AppResult<()> {
        diesel::insert_into(settings::table)
            .values(NewSetting { organization_id: id, name, value: value.clone() })
            .on_conflict((settings::organization_id, settings::name))
            .do_update()
            .set(settings::value.eq(value))
            .execute(&mut self.connection()?)?;
        Ok(())
    }
}
