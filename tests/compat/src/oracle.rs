//! What both processes know of every row: the newest number that was acknowledged or read. It is
//! in the database, in a table that no cache knows.
//!
//! Why the check is sound: a number is written there after its answer came, and looked up before a
//! read begins. So what is found precedes the read in real time.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::Fault;
use crate::models::{IDS, PROMISES, Promise};
use crate::required;

/// A connection of its own to the processes' common knowledge.
pub(crate) struct Oracle(PgConnection);

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = BigInt)]
    acknowledged: i64,
    #[diesel(sql_type = BigInt)]
    seen: i64,
}

/// Leads to the schema of a run.
pub(crate) fn url(schema: &str) -> Result<String, Fault> {
    let base = required("TEST_POSTGRES_URL")?;
    let join = if base.contains('?') { '&' } else { '?' };
    Ok(format!("{base}{join}options=-csearch_path%3D{schema}"))
}

/// Makes the tables of a run.
pub(crate) fn create(schema: &str) -> Result<(), Fault> {
    let counter = <diesel::pg::Pg as cache_runtime::ports::Dialect>::CREATE_COUNTER;
    let mut sql = format!(
        "CREATE SCHEMA {schema}; SET search_path TO {schema}; {counter}; \
         CREATE TABLE known (promise TEXT, id BIGINT, acknowledged BIGINT NOT NULL DEFAULT 0, \
         seen BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (promise, id))"
    );
    for Promise { name, has_version, .. } in PROMISES {
        let (column, first) = match has_version {
            true => (", version BIGINT NOT NULL", ", nextval('cache_version')"),
            false => ("", ""),
        };
        sql.push_str(&format!(
            "; CREATE TABLE {name} (id BIGINT PRIMARY KEY, label TEXT NOT NULL UNIQUE, \
             value BIGINT NOT NULL{column}); \
             INSERT INTO {name} SELECT id, 'label ' || id, 0{first} \
             FROM generate_series({}, {} - 1) AS id; \
             INSERT INTO known SELECT '{name}', id FROM {name}",
            IDS.start, IDS.end,
        ));
    }
    PgConnection::establish(&required("TEST_POSTGRES_URL")?)?.batch_execute(&sql)?;
    Ok(())
}

impl Oracle {
    pub(crate) fn open(schema: &str) -> Result<Self, Fault> {
        let mut connection = PgConnection::establish(&url(schema)?)?;
        // Nobody needs it after a crash.
        connection.batch_execute("SET synchronous_commit = off")?;
        Ok(Self(connection))
    }

    /// What no read that begins now may be older than.
    pub(crate) fn floor(&mut self, promise: Promise, id: i64) -> Result<i64, Fault> {
        let known: Known = diesel::sql_query(
            "SELECT acknowledged, seen FROM known WHERE promise = $1 AND id = $2",
        )
        .bind::<Text, _>(promise.name)
        .bind::<BigInt, _>(id)
        .get_result(&mut self.0)?;
        let seen = if promise.is_strict { known.seen } else { 0 };
        Ok(known.acknowledged.max(seen))
    }

    pub(crate) fn acknowledged(
        &mut self,
        promise: Promise,
        id: i64,
        value: i64,
    ) -> Result<(), Fault> {
        self.raise(
            "UPDATE known SET acknowledged = greatest(acknowledged, $3) \
                    WHERE promise = $1 AND id = $2",
            promise,
            id,
            value,
        )
    }

    pub(crate) fn seen(&mut self, promise: Promise, id: i64, value: i64) -> Result<(), Fault> {
        self.raise(
            "UPDATE known SET seen = greatest(seen, $3) \
                    WHERE promise = $1 AND id = $2",
            promise,
            id,
            value,
        )
    }

    fn raise(&mut self, sql: &str, promise: Promise, id: i64, value: i64) -> Result<(), Fault> {
        diesel::sql_query(sql)
            .bind::<Text, _>(promise.name)
            .bind::<BigInt, _>(id)
            .bind::<BigInt, _>(value)
            .execute(&mut self.0)?;
        Ok(())
    }
}
