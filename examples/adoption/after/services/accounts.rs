//! Users and their sessions.

use std::sync::Arc;

use chrono::{Duration, NaiveDateTime};
use diesel::prelude::*;

use super::{AppError, AppResult, Registry};
use crate::models::{
    ApiToken, Closed, Credential, ImportedUser, NewCredential, NewSession, NewUser, ProfileChanges,
    Session, TokenChanges, TokenHash, User, UserId,
};
use crate::schema::{api_tokens, credentials, sessions, users};

const ATTEMPTS: i32 = 3;

impl Registry {
    pub fn sign_up(
        &self,
        login: &str,
        email: Option<&str>,
        password: &str,
        now: NaiveDateTime,
    ) -> AppResult<User> {
        self.connection()?.immediate_transaction(|conn| {
            let user = diesel::insert_into(users::table)
                .values(NewUser { login, email, created_at: now })
                .returning(User::as_returning())
                .get_result(conn)?;
            diesel::insert_into(credentials::table)
                .values(NewCredential { user_id: user.id, password_hash: password })
                .execute(conn)?;
            Ok(user)
        })
    }

    pub fn user(&self, id: UserId) -> AppResult<Option<Arc<User>>> {
        let row = self.cache.run(self.cache.repository::<User>().find(id))?;
        Ok(row.filter(|user| user.is_active()))
    }

    /// Logins are compared without regard to case.
    pub fn user_by_login(&self, login: &str) -> AppResult<Option<Arc<User>>> {
        Ok(self.cache.run(self.cache.repository::<User>().find_by_login(login))?)
    }

    pub fn change_profile(&self, id: UserId, changes: ProfileChanges) -> AppResult<Arc<User>> {
        let row = self.cache.run(self.cache.repository::<User>().update(id, changes))?;
        row.ok_or(AppError::NotFound)
    }

    /// Many at once, from the registry before this one.
    pub fn import_users(&self, rows: Vec<ImportedUser>) -> AppResult<usize> {
        Ok(diesel::insert_into(users::table).values(rows).execute(&mut self.connection()?)?)
    }

    /// The account stays, for the audit trail; nothing can be done with it any more.
    pub fn close_account(&self, id: UserId, now: NaiveDateTime) -> AppResult<()> {
        let revoked = TokenChanges { name: None, revoked: Some(true) };
        self.cache.run(self.cache.cache().transaction(async |tx| {
            tx.repository::<User>().update(id, Closed { deleted_at: Some(now) }).await?;
            tx.repository::<ApiToken>().update_where(api_tokens::user_id.eq(id), revoked).await?;
            tx.repository::<Session>().delete_where(sessions::user_id.eq(id)).await?;
            Ok(())
        }))
    }

    pub fn sign_in(
        &self,
        login: &str,
        password: &str,
        agent: &str,
        now: NaiveDateTime,
    ) -> AppResult<String> {
        let user = self.user_by_login(login)?.ok_or(AppError::NotFound)?;
        let mut conn = self.connection()?;
        let row: Credential =
            credentials::table.find(user.id).select(Credential::as_select()).first(&mut conn)?;
        if row.locked_until.is_some_and(|until| until > now) {
            return Err(AppError::Forbidden("locked for a while"));
        }
        if row.password_hash != password {
            let failed = row.failed_attempts + 1;
            let locked = (failed >= ATTEMPTS).then(|| now + Duration::minutes(15));
            diesel::update(credentials::table.find(row.user_id))
                .set((
                    credentials::failed_attempts.eq(failed),
                    credentials::locked_until.eq(locked),
                ))
                .execute(&mut conn)?;
            return Err(AppError::Forbidden("wrong password"));
        }
        let token = format!("session of {login} with {agent}");
        diesel::insert_into(sessions::table)
            .values(NewSession {
                token_hash: &TokenHash::of(&token),
                user_id: user.id,
                user_agent: agent,
                expires_at: now + Duration::hours(1),
            })
            .execute(&mut conn)?;
        Ok(token)
    }

    pub fn session(&self, token: &str, now: NaiveDateTime) -> AppResult<Option<Arc<Session>>> {
        let row = self.cache.run(self.cache.repository::<Session>().find(TokenHash::of(token)))?;
        Ok(row.filter(|session| session.is_valid(now)))
    }

    pub fn sign_out(&self, token: &str) -> AppResult<()> {
        self.cache.run(self.cache.repository::<Session>().delete(TokenHash::of(token)))?;
        Ok(())
    }

    /// A worker calls it every minute.
    pub fn delete_expired_sessions(&self, now: NaiveDateTime) -> AppResult<usize> {
        Ok(diesel::delete(sessions::table.filter(sessions::expires_at.le(now)))
            .execute(&mut self.connection()?)?)
    }
}
