//! The tables of a run, and the cache over them.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Database, Dialect, Telemetry};
use cache_runtime::{Cache, DieselAsync, Redis, models};
use diesel::mysql::Mysql;
use diesel::pg::Pg;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncConnection, AsyncMysqlConnection, AsyncPgConnection};

use crate::Fault;
use crate::database::Chaotic;
use crate::failpoints::Failpoints;
use crate::models::{Counter, fenced_aside, fenced_through, validated_aside, validated_through};
use crate::store::{ChaoticStore, Naive};
use crate::subjects::{self, ROWS, Subject, label};

/// How long the fence of a killed writer stands. Long enough for the database to finish a COMMIT
/// whose client is gone: strict(fenced) promises nothing beyond that.
pub(crate) const FENCE_EXPIRY: Duration = Duration::from_millis(1500);

/// Which database the processes run on.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Postgres,
    Mariadb,
}

impl Server {
    pub(crate) const ALL: [Self; 2] = [Self::Postgres, Self::Mariadb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
        }
    }

    /// As an argument.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }

    /// Leads to a schema, or what MariaDB calls a database.
    pub(crate) fn url(self, schema: &str) -> Result<String, Fault> {
        Ok(match self {
            Self::Postgres => {
                let base = required("TEST_POSTGRES_URL")?;
                let join = if base.contains('?') { '&' } else { '?' };
                format!("{base}{join}options=-csearch_path%3D{schema}")
            }
            Self::Mariadb => {
                let base = required("TEST_MYSQL_URL")?;
                let (server, _) =
                    base.rsplit_once('/').ok_or("TEST_MYSQL_URL names no database")?;
                format!("{server}/{schema}")
            }
        })
    }

    /// Makes the tables in a schema of their own, which is also the namespace of their entries.
    pub(crate) async fn create(self, schema: &str) -> Result<(), Fault> {
        match self {
            Self::Postgres => {
                let begin = format!("CREATE SCHEMA {schema}; SET search_path TO {schema}");
                let sql = tables::<Pg>(&begin, "SELECT nextval('cache_version')");
                execute::<AsyncPgConnection>(&required("TEST_POSTGRES_URL")?, &sql).await
            }
            Self::Mariadb => {
                let begin = format!("CREATE DATABASE {schema}; USE {schema}");
                let sql = tables::<Mysql>(&begin, "UPDATE cache_version SET value = 1");
                execute::<AsyncMysqlConnection>(&required("TEST_MYSQL_URL")?, &sql).await
            }
        }
    }

    /// Opens the cache as one process of the run does, and gives its rows.
    pub(crate) async fn open(
        self,
        schema: &str,
        points: Arc<Failpoints>,
        naive: Naive,
        telemetry: impl Telemetry,
    ) -> Result<Vec<Arc<dyn Subject>>, Fault> {
        let redis = Redis::url(&required("TEST_REDIS_URL")?)?;
        let store = ChaoticStore::new(redis, points.clone(), naive);
        let url = self.url(schema)?;
        match self {
            Self::Postgres => {
                let database = Chaotic::new(pool::<AsyncPgConnection>(url)?, points);
                rows(database, store, schema, telemetry).await
            }
            Self::Mariadb => {
                let database = Chaotic::new(pool::<AsyncMysqlConnection>(url)?, points);
                rows(database, store, schema, telemetry).await
            }
        }
    }
}

/// The statements that make all tables. The first version of all rows is the 1 that `count`
/// leaves the counter at.
fn tables<DB: Dialect>(begin: &str, count: &str) -> String {
    let mut sql = format!("{begin}; {}; {count}", DB::CREATE_COUNTER);
    for (table, column, first) in [
        ("fenced_asides", "", ""),
        ("fenced_throughs", "", ""),
        ("validated_asides", ", version BIGINT NOT NULL", ", 1"),
        ("validated_throughs", ", version BIGINT NOT NULL", ", 1"),
    ] {
        let row = |id: usize| {
            let id = i64::try_from(id).unwrap_or(i64::MAX);
            format!("({id}, '{}', 0{first})", label(id))
        };
        let rows: Vec<String> = (0..ROWS).map(row).collect();
        sql.push_str(&format!(
            "; CREATE TABLE {table} (id BIGINT PRIMARY KEY, label VARCHAR(20) NOT NULL UNIQUE, \
             value BIGINT NOT NULL{column}); INSERT INTO {table} VALUES {}",
            rows.join(", ")
        ));
    }
    sql
}

pub(crate) async fn execute<C: AsyncConnection>(url: &str, sql: &str) -> Result<(), Fault> {
    C::establish(url).await?.batch_execute(sql).await?;
    Ok(())
}

pub(crate) fn pool<C>(url: String) -> Result<DieselAsync<C>, Fault>
where
    C: AsyncConnection + 'static,
    AsyncDieselConnectionManager<C>: deadpool::managed::Manager,
{
    let manager = AsyncDieselConnectionManager::<C>::new(url);
    Ok(DieselAsync::new(deadpool::managed::Pool::builder(manager).max_size(6).build()?))
}

async fn rows<D: Database>(
    database: D,
    store: ChaoticStore<Redis>,
    schema: &str,
    telemetry: impl Telemetry,
) -> Result<Vec<Arc<dyn Subject>>, Fault>
where
    fenced_aside::Counter: Counter<D>,
    fenced_through::Counter: Counter<D>,
    validated_aside::Counter: Counter<D>,
    validated_through::Counter: Counter<D>,
{
    let cache = Cache::builder(database)
        .store(store)
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
    Ok(subjects::all(&cache))
}

pub(crate) fn required(name: &str) -> Result<String, Fault> {
    std::env::var(name)
        .map_err(|_| format!("{name} is not set: run this through `tests/run chaos`").into())
}
