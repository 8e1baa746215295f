//! Domain events from the table `cache_events`, in the database that the rows are in.
//!
//! An event commits with the change that it tells of, so it never runs ahead of it and is never lost.
//! Rows are claimed for a while and deleted when they have been applied; there is no cursor, so one
//! that commits late, under a number that is small, is not passed by. It is polled: nothing that
//! wakes a reader crosses the pools of Diesel, and what is polled misses no message.

use std::marker::PhantomData;
use std::time::Duration;

use diesel::deserialize;
use diesel::row::Row;
use rand::random;

use crate::ports::BoxFuture;
use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::event_source::{Batch, DomainEvent, EventSource, Gaps, Guarantee, SetAside, Why};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::token::Token;

/// What it is called.
pub(crate) const NAME: &str = "the table cache_events";
/// How many are read at once.
const MOST: usize = 256;
/// For how long they are then left to whoever has read them.
const CLAIM: Duration = Duration::from_secs(30);
/// The longest error that is kept.
const LONGEST: usize = 500;

/// The table, as one process consumes from it.
pub(crate) struct EventTable<D> {
    database: D,
}

impl<D: Database> EventTable<D> {
    pub(crate) fn new(database: D) -> Self {
        Self { database }
    }

    async fn claimed(&self) -> Result<Vec<DomainEvent>> {
        let now = <D::Backend as Dialect>::NOW_MILLIS;
        // Without a lock: what has not committed is not waited for.
        let free: Vec<Number> = self
            .database
            .load(Load::rows(format!(
                "SELECT id FROM cache_events WHERE state = 0 AND claimed_ms < {now} ORDER BY id LIMIT \
                 {MOST}"
            )))
            .await?;
        if free.is_empty() {
            return Ok(Vec::new());
        }
        let holder = Token(random());
        let ids = list(free.iter().map(|Number(id)| id.to_string()));
        let claim = format!(
            "UPDATE cache_events SET holder = '{holder}', claimed_ms = {now} + {} WHERE id IN \
             ({ids}) AND state = 0 AND claimed_ms < {now}",
            CLAIM.as_millis()
        );
        let read = format!(
            "SELECT id, event_type, row_key, event_id, version, payload, {now} - created_ms FROM \
             cache_events WHERE id IN ({ids}) AND holder = '{holder}' ORDER BY id"
        );
        let mut transaction = self.database.begin().await?;
        let _: Vec<String> = transaction.load(Load::run(claim)).await?;
        let rows: Vec<Told<D::Backend>> = transaction.load(Load::rows(read)).await?;
        transaction.commit().await?;
        Ok(rows.into_iter().map(|row| row.event).collect())
    }

    async fn run(&self, statements: Vec<String>) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for sql in statements {
            let _: Vec<String> = transaction.load(Load::run(sql)).await?;
        }
        transaction.commit().await
    }
}

impl<D: Database> EventSource for EventTable<D> {
    fn name(&self) -> &str {
        NAME
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::new(Gaps::Never, true, Duration::ZERO, CLAIM)
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let columns = "SELECT event_type FROM cache_events WHERE state = 0 AND claimed_ms = 0 \
                           AND 1 = 0";
            let found = self.database.load(Load::<_, String>::rows(columns)).await;
            found.map(drop).map_err(|source| {
                Error::new(
                    ErrorKind::Configuration,
                    "events are taken from a table, but the database has none; `cache-ctl \
                     migrations export` writes its migration (also in `cache_runtime::migrations`)",
                )
                .with_source(source)
            })
        })
    }

    fn read(&self) -> BoxFuture<'_, Result<Batch>> {
        Box::pin(async { Ok(Batch { events: self.claimed().await?, gap: None }) })
    }

    fn acknowledge<'a>(&'a self, positions: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let ids = positions.iter().filter(|position| position.parse::<i64>().is_ok()).cloned();
            let ids = list(ids);
            match ids.is_empty() {
                true => Ok(()),
                false => {
                    self.run(vec![format!("DELETE FROM cache_events WHERE id IN ({ids})")]).await
                }
            }
        })
    }

    fn keep<'a>(&'a self, events: &'a [SetAside]) -> BoxFuture<'a, Result<()>> {
        let updates: Vec<String> = events.iter().filter_map(setting_aside).collect();
        Box::pin(self.run(updates))
    }
}

fn setting_aside(SetAside { event, why, error }: &SetAside) -> Option<String> {
    let id: i64 = event.position.parse().ok()?;
    let state = match why {
        Why::Poison => 1,
        Why::Unknown => 2,
    };
    let error = plain(error);
    Some(format!("UPDATE cache_events SET state = {state}, error = '{error}' WHERE id = {id}"))
}

fn list(ids: impl Iterator<Item = String>) -> String {
    ids.collect::<Vec<_>>().join(", ")
}

/// Text that means the same within a literal of every database, whatever its mode.
fn plain(text: &str) -> String {
    let safe = |letter: char| match letter {
        '\'' | '"' => '`',
        letter if letter == '\\' || !(' '..='~').contains(&letter) => '?',
        letter => letter,
    };
    text.chars().take(LONGEST).map(safe).collect()
}

struct Number(i64);

impl<DB: Dialect> FromRow<DB> for Number {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        Ok(Self(DB::integer(row, 0)?.unwrap_or_default()))
    }
}

/// A row of the table.
struct Told<DB> {
    event: DomainEvent,
    database: PhantomData<fn() -> DB>,
}

impl<DB: Dialect> FromRow<DB> for Told<DB> {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let payload = DB::text(row, 5)?;
        let age = DB::integer(row, 6)?.unwrap_or_default();
        let event = DomainEvent {
            position: DB::integer(row, 0)?.unwrap_or_default().to_string(),
            kind: DB::text(row, 1)?.unwrap_or_default(),
            key: DB::text(row, 2)?,
            id: DB::text(row, 3)?,
            version: DB::integer(row, 4)?.map(|version| version.to_string()),
            fields: payload.map(|payload| ("payload".to_owned(), payload)).into_iter().collect(),
            age: Duration::from_millis(age.try_into().unwrap_or_default()),
        };
        Ok(Self { event, database: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_ends_no_literal() {
        assert_eq!(plain("it's \\ \"é\"\n"), "it`s ? `?`?");
        assert_eq!(plain(&"x".repeat(900)).len(), LONGEST);
    }
}
