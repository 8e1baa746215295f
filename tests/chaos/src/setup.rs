//! The tables of a run, and the cache over them.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Dialect as _, Telemetry};
use cache_runtime::{Cache, DieselAsync, Redis, models};
use diesel::pg::Pg;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};

use crate::Fault;
use crate::database::{Chaotic, Postgres};
use crate::failpoints::Failpoints;
use crate::models::{fenced_aside, fenced_through, validated_aside, validated_through};
use crate::store::{ChaoticStore, Naive};
use crate::subjects::{ROWS, label};

/// How long the fence of a killed writer stands. Long enough for PostgreSQL to finish a COMMIT
/// whose client is gone: strict(fenced) promises nothing beyond that.
pub(crate) const FENCE_EXPIRY: Duration = Duration::from_millis(1500);

/// Makes the tables in a schema of their own, which is also the namespace of their entries.
pub(crate) async fn create(schema: &str) -> Result<(), Fault> {
    let mut sql = format!("CREATE SCHEMA {schema}; SET search_path TO {schema};");
    sql.push_str(Pg::CREATE_COUNTER);
    for (table, version) in [
        ("fenced_asides", ""),
        ("fenced_throughs", ""),
        ("validated_asides", ", version BIGINT NOT NULL"),
        ("validated_throughs", ", version BIGINT NOT NULL"),
    ] {
        let first = if version.is_empty() { "" } else { ", nextval('cache_version')" };
        let label = label(0).replace('0', "");
        sql.push_str(&format!(
            ";CREATE TABLE {table} (id BIGINT PRIMARY KEY, label TEXT NOT NULL UNIQUE, \
             value BIGINT NOT NULL{version}); \
             INSERT INTO {table} SELECT id, '{label}' || id, 0{first} \
             FROM generate_series(0, {ROWS} - 1) AS id"
        ));
    }
    let mut connection = AsyncPgConnection::establish(&required("TEST_POSTGRES_URL")?).await?;
    connection.batch_execute(&sql).await?;
    Ok(())
}

/// A database pool in this schema.
fn pool(schema: &str) -> Result<DieselAsync<AsyncPgConnection>, Fault> {
    let base = required("TEST_POSTGRES_URL")?;
    let join = if base.contains('?') { '&' } else { '?' };
    let url = format!("{base}{join}options=-csearch_path%3D{schema}");
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
    Ok(DieselAsync::new(deadpool::managed::Pool::builder(manager).max_size(6).build()?))
}

/// Opens the cache as one process of the run does.
pub(crate) async fn open(
    schema: &str,
    points: Arc<Failpoints>,
    naive: Naive,
    telemetry: impl Telemetry,
) -> Result<Cache<Postgres>, Fault> {
    let database = Chaotic::new(pool(schema)?, points.clone());
    let redis = Redis::url(&required("TEST_REDIS_URL")?)?;
    let cache = Cache::builder(database)
        .store(ChaoticStore::new(redis, points, naive))
        .models(models![
            fenced_aside::Counter,
            fenced_through::Counter,
            validated_aside::Counter,
            validated_through::Counter,
        ])
        .namespace(schema)
        .fence_expiry(FENCE_EXPIRY)
        // A killed reader's leases must not keep a row out of the cache for long.
        .lease_expiry(Duration::from_millis(500))
        .patience(Duration::from_millis(20))
        .telemetry(telemetry)
        .build()
        .await?;
    Ok(cache)
}

fn required(name: &str) -> Result<String, Fault> {
    std::env::var(name)
        .map_err(|_| format!("{name} is not set: run this through `tests/run chaos`").into())
}
