//! What is written all the time and read seldom.

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use serde::Serialize;

use super::{ReleaseId, UserId};
use crate::schema::{audit_entries, downloads, jobs};

#[derive(Insertable)]
#[diesel(table_name = downloads)]
pub struct Download {
    pub release_id: ReleaseId,
    pub day: NaiveDate,
    pub count: i64,
}

#[derive(Queryable, Selectable, Serialize)]
#[diesel(table_name = audit_entries, check_for_backend(Sqlite))]
pub struct AuditEntry {
    #[serde(skip)]
    pub actor_id: Option<UserId>,
    pub action: String,
    pub subject: String,
}

#[derive(Insertable)]
#[diesel(table_name = audit_entries)]
pub struct NewAuditEntry<'a> {
    pub actor_id: Option<UserId>,
    pub action: &'a str,
    pub subject: &'a str,
    pub at: NaiveDateTime,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(Sqlite))]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub payload: String,
    pub attempts: i32,
}

#[derive(Insertable)]
#[diesel(table_name = jobs)]
pub struct NewJob<'a> {
    pub kind: &'a str,
    pub payload: &'a str,
    pub run_at: NaiveDateTime,
}
