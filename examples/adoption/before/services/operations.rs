//! Downloads, the audit trail and the queue.

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::{AppResult, Registry, maybe};
use crate::models::{AuditEntry, Download, Job, NewAuditEntry, NewJob, ReleaseId, UserId};
use crate::schema::{audit_entries, downloads, jobs};

impl Registry {
    /// What a worker counted from the logs.
    pub fn count_downloads(&self, counted: &[(ReleaseId, i64)], day: NaiveDate) -> AppResult<()> {
        let rows: Vec<Download> = counted
            .iter()
            .map(|(release_id, count)| Download { release_id: *release_id, day, count: *count })
            .collect();
        self.connection()?.immediate_transaction(|conn| {
            for row in rows {
                diesel::insert_into(downloads::table)
                    .values(row)
                    .on_conflict((downloads::release_id, downloads::day))
                    .do_update()
                    .set(downloads::count.eq(downloads::count + excluded(downloads::count)))
                    .execute(conn)?;
            }
            Ok(())
        })
    }

    pub fn audit_trail(&self, subject: &str) -> AppResult<Vec<AuditEntry>> {
        Ok(audit_entries::table
            .filter(audit_entries::subject.eq(subject))
            .order(audit_entries::id)
            .select(AuditEntry::as_select())
            .load(&mut self.connection()?)?)
    }

    /// Takes the job that is due next out of the queue.
    pub fn next_job(&self, now: NaiveDateTime) -> AppResult<Option<Job>> {
        self.connection()?.immediate_transaction(|conn| {
            let job: Option<Job> = maybe(
                jobs::table
                    .filter(jobs::run_at.le(now))
                    .order((jobs::run_at, jobs::id))
                    .select(Job::as_select())
                    .first(conn),
            )?;
            if let Some(job) = &job {
                diesel::delete(jobs::table.find(job.id)).execute(conn)?;
            }
            Ok(job)
        })
    }
}

pub fn audit(
    conn: &mut SqliteConnection,
    actor_id: Option<UserId>,
    action: &str,
    subject: &str,
    at: NaiveDateTime,
) -> AppResult<()> {
    diesel::insert_into(audit_entries::table)
        .values(NewAuditEntry { actor_id, action, subject, at })
        .execute(conn)?;
    Ok(())
}

pub fn enqueue(
    conn: &mut SqliteConnection,
    kind: &str,
    payload: &str,
    run_at: NaiveDateTime,
) -> AppResult<()> {
    diesel::insert_into(jobs::table).values(NewJob { kind, payload, run_at }).execute(conn)?;
    Ok(())
}
