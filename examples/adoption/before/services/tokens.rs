//! Tokens of the API.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{AppError, AppResult, Registry, maybe};
use crate::models::{ApiToken, NewApiToken, Scopes, TokenChanges, TokenHash, UserId};
use crate::schema::api_tokens;

impl Registry {
    pub fn create_token(
        &self,
        user_id: UserId,
        name: &str,
        token: &str,
        scopes: &Scopes,
        now: NaiveDateTime,
    ) -> AppResult<ApiToken> {
        Ok(diesel::insert_into(api_tokens::table)
            .values(NewApiToken {
                user_id,
                name,
                token_hash: &TokenHash::of(token),
                scopes,
                created_at: now,
            })
            .returning(ApiToken::as_returning())
            .get_result(&mut self.connection()?)?)
    }

    /// Called by every request of the API.
    pub fn authenticate(&self, token: &str, scope: &str, now: NaiveDateTime) -> AppResult<UserId> {
        let row: Option<ApiToken> = maybe(
            api_tokens::table
                .filter(api_tokens::token_hash.eq(TokenHash::of(token)))
                .select(ApiToken::as_select())
                .first(&mut self.connection()?),
        )?;
        let row = row.ok_or(AppError::Forbidden("no such token"))?;
        if row.is_revoked() {
            return Err(AppError::Forbidden("the token is revoked"));
        }
        if !row.scopes.allow(scope) {
            return Err(AppError::Forbidden("the token does not allow this"));
        }
        self.note_use(&row, now)?;
        Ok(row.user_id)
    }

    fn note_use(&self, token: &ApiToken, now: NaiveDateTime) -> AppResult<()> {
        diesel::update(api_tokens::table.find(token.id))
            .set(api_tokens::last_used_at.eq(now))
            .execute(&mut self.connection()?)?;
        Ok(())
    }

    /// The page that lists them, with when each was used last.
    pub fn tokens_of(&self, user_id: UserId) -> AppResult<Vec<ApiToken>> {
        Ok(api_tokens::table
            .filter(api_tokens::user_id.eq(user_id))
            .order(api_tokens::id.desc())
            .select(ApiToken::as_select())
            .load(&mut self.connection()?)?)
    }

    pub fn change_token(&self, id: i64, changes: TokenChanges<'_>) -> AppResult<()> {
        diesel::update(api_tokens::table.find(id)).set(changes).execute(&mut self.connection()?)?;
        Ok(())
    }

    /// After a leak: every token of the user.
    pub fn revoke_all_tokens(&self, user_id: UserId) -> AppResult<usize> {
        Ok(diesel::update(api_tokens::table.filter(api_tokens::user_id.eq(user_id)))
            .set(TokenChanges { name: None, revoked: Some(true) })
            .execute(&mut self.connection()?)?)
    }
}
