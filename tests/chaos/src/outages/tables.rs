//! The tables of the rig, and the cache over them.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Dialect, Tokens};
use cache_runtime::{Cache, DieselAsync, RandomTokens, Redis, Token, migrations, models};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};

use super::doom::{Doom, Doomed};
use super::journal::Journaled;
use super::log::Hits;
use crate::Fault;
use crate::models::{bounded_aside, bounded_through, validated_aside};
use crate::setup::{Server, execute, pool, required};
use crate::subjects::{Subject, label, one};

/// How many rows each model has: enough for most of them to be left alone for longer than the bound.
pub(super) const ROWS: usize = 32;
/// What the bounded models declare.
pub(super) const BOUND: Duration = Duration::from_secs(2);
/// The models, in the order of their places.
pub(super) const NAMES: [&str; 3] = ["bounded_aside", "bounded_through", "validated_aside"];
/// Those before this one are bounded.
pub(super) const VALIDATED: usize = 2;

/// A row as it is numbered among those of all models.
pub(super) fn place(model: usize, id: usize) -> u32 {
    u32::try_from(model * ROWS + id).unwrap_or(u32::MAX)
}

/// Whether the row at this place is of a bounded model.
pub(super) fn is_bounded(place: u32) -> bool {
    (place as usize) < VALIDATED * ROWS
}

/// The name of a row.
pub(super) fn name(place: u32) -> String {
    format!("{} row {}", NAMES[place as usize / ROWS % NAMES.len()], place as usize % ROWS)
}

/// Before a COMMIT: what the transaction has written. The numbers are those of [`place`].
pub(super) const JOURNAL: &str = "INSERT INTO journal (place, value, xid) \
    SELECT id, value, xmin FROM bounded_asides WHERE xmin = pg_current_xact_id_if_assigned()::xid \
    UNION ALL SELECT id + 32, value, xmin FROM bounded_throughs \
    WHERE xmin = pg_current_xact_id_if_assigned()::xid UNION ALL SELECT id + 64, value, xmin \
    FROM validated_asides WHERE xmin = pg_current_xact_id_if_assigned()::xid";

/// Leads to a schema on the PostgreSQL of the run. A commit that waits for the disk has its time
/// before it can be seen, so that reads would seem older than they are: here none waits.
pub(super) fn url(schema: &str) -> Result<String, Fault> {
    Ok(format!("{}%20-csynchronous_commit%3Doff", Server::Postgres.url(schema)?))
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    track_commit_timestamp: String,
}

/// Makes the tables in a schema of their own, which is also the namespace of their entries.
pub(super) async fn create(schema: &str) -> Result<(), Fault> {
    let base = required("TEST_POSTGRES_URL")?;
    let mut connection = AsyncPgConnection::establish(&base).await?;
    let setting: Setting =
        diesel::sql_query("SHOW track_commit_timestamp").get_result(&mut connection).await?;
    if setting.track_commit_timestamp != "on" {
        return Err("PostgreSQL keeps no times of commits; start it with \
                    `-c track_commit_timestamp=on`, as tests/run does"
            .into());
    }
    let mut sql = format!(
        "CREATE SCHEMA {schema}; SET search_path TO {schema}; {}; SELECT nextval('cache_version'); \
         CREATE TABLE journal (place BIGINT NOT NULL, value BIGINT NOT NULL, xid XID NOT NULL)",
        Pg::CREATE_COUNTER
    );
    let outbox = migrations::POSTGRES.iter().filter(|it| it.name.ends_with("cache_invalidations"));
    outbox.for_each(|migration| sql.push_str(&format!("; {}", migration.up)));
    for (table, column, first) in [
        ("bounded_asides", "", ""),
        ("bounded_throughs", "", ""),
        ("validated_asides", ", version BIGINT NOT NULL", ", 1"),
    ] {
        let row = |id: usize| {
            let label = label(i64::try_from(id).unwrap_or(i64::MAX));
            format!("({id}, '{label}', 0{first})")
        };
        let rows: Vec<String> = (0..ROWS).map(row).collect();
        sql.push_str(&format!(
            "; CREATE TABLE {table} (id BIGINT PRIMARY KEY, label VARCHAR(20) NOT NULL UNIQUE, \
             value BIGINT NOT NULL{column}); INSERT INTO {table} VALUES {}",
            rows.join(", ")
        ));
    }
    execute::<AsyncPgConnection>(&base, &sql).await
}

/// Random, but for the first eight bits: they say whose it is, so that the holder of a relay's lease
/// is known.
struct Signed {
    process: usize,
    random: RandomTokens,
}

impl Tokens for Signed {
    fn token(&self) -> Token {
        Token(self.random.token().0 >> 8 | (self.process as u128) << 120)
    }
}

/// Opens the cache as one of the processes does, and gives the rows of each model.
pub(super) async fn open(
    schema: &str,
    redis: u16,
    process: usize,
    doom: Arc<Doom>,
) -> Result<Vec<Arc<dyn Subject>>, Fault> {
    let database: DieselAsync<AsyncPgConnection> = pool(url(schema)?)?;
    let store = Redis::url(&format!("redis://127.0.0.1:{redis}"))?;
    let cache = Cache::builder(Journaled(database))
        .store(Doomed::store(store, doom))
        .models(
            models![bounded_aside::Counter, bounded_through::Counter, validated_aside::Counter,],
        )
        .namespace(schema)
        .tokens(Signed { process, random: RandomTokens::default() })
        // A killed reader's leases must not keep a row out of the cache for long, nor a dead Redis
        // all of them: it comes back soon here.
        .lease_expiry(Duration::from_millis(500))
        .fence_expiry(Duration::from_millis(1500))
        .patience(Duration::from_millis(20))
        .breaker(3, Duration::from_millis(100))
        .telemetry(Hits)
        .build()
        .await?;
    Ok(vec![
        one::<bounded_aside::Counter, _>(&cache),
        one::<bounded_through::Counter, _>(&cache),
        one::<validated_aside::Counter, _>(&cache),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_numbers_rows_as_the_rig_does() {
        for (model, table) in
            ["bounded_asides", "bounded_throughs", "validated_asides"].iter().enumerate()
        {
            let more =
                if model == 0 { "id".to_owned() } else { format!("id + {}", place(model, 0)) };
            assert!(
                JOURNAL.contains(&format!("SELECT {more}, value, xmin FROM {table} ")),
                "{table}"
            );
        }
        assert_eq!(name(place(1, 3)), "bounded_through row 3");
        assert!(is_bounded(place(1, 31)) && !is_bounded(place(2, 0)));
    }
}
