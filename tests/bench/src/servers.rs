//! The databases and stores, and both sides on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cache_runtime::migrations::{self, Migration};
use cache_runtime::ports::{Database, Statements, Store};
use cache_runtime::{DieselAsync, InProcess, R2d2, Redis};
use deadpool::managed::{Manager, Pool};
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{ConnectionManager, CustomizeConnection};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncConnection, AsyncMysqlConnection, AsyncPgConnection};

use crate::Fault;
use crate::behind::{self, Queue};
use crate::direct::{Pooled, Thread};
use crate::load::Side;
use crate::models::{bounded, deep};
use crate::sql::{self, PRAGMAS, Sql};

/// How many connections each side has.
const CONNECTIONS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Postgres,
    Mariadb,
    Sqlite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    InProcess,
    Redis,
}

impl Kept {
    fn store(self) -> Result<Arc<dyn Store>, Fault> {
        Ok(match self {
            Self::InProcess => Arc::new(InProcess::new()),
            Self::Redis => Arc::new(Redis::url(&required("TEST_REDIS_URL")?)?),
        })
    }
}

/// What the outbox does when much is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outbox {
    /// Takes it.
    Deep,
    /// Lets its writers wait.
    Bounded,
}

/// A schema of a benchmark's own, or what takes its place.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) name: String,
    url: String,
    /// Where SQLite's file is.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Makes an empty one.
    pub(crate) async fn place(self) -> Result<Place, Fault> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bench_{}_{number}", std::process::id());
        let mut folder = None;
        let url = match self {
            Self::Postgres => {
                let base = required("BENCH_POSTGRES_URL")?;
                sql::Postgres(base.clone()).execute(&format!("CREATE SCHEMA {name}")).await?;
                let join = if base.contains('?') { '&' } else { '?' };
                format!("{base}{join}options=-csearch_path%3D{name}")
            }
            Self::Mariadb => {
                let base = required("BENCH_MYSQL_URL")?;
                sql::Mariadb(base.clone()).execute(&format!("CREATE DATABASE {name}")).await?;
                let (server, _) = base.rsplit_once('/').ok_or("BENCH_MYSQL_URL has no database")?;
                format!("{server}/{name}")
            }
            Self::Sqlite => {
                // Not in a folder that may be in memory.
                let here = tempfile::Builder::new().prefix(".bench-").tempdir_in(".")?;
                let url = here.path().join("bench.sqlite").display().to_string();
                folder = Some(here);
                url
            }
        };
        Ok(Place { server: self, name, url, _folder: folder })
    }

    pub(crate) fn migrations(self) -> &'static [Migration] {
        match self {
            Self::Postgres => migrations::POSTGRES,
            Self::Mariadb => migrations::MYSQL,
            Self::Sqlite => migrations::SQLITE,
        }
    }

    /// The numbers 1 to `last`, as a table with the column `id`.
    pub(crate) fn numbers(self, last: i64) -> String {
        match self {
            Self::Postgres => format!("generate_series(1, {last}) AS n(id)"),
            Self::Mariadb => format!("(SELECT seq AS id FROM seq_1_to_{last}) AS n"),
            Self::Sqlite => format!(
                "(WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {last}) \
                 SELECT id FROM n) AS n"
            ),
        }
    }
}

impl Place {
    pub(crate) fn sql(&self) -> Arc<dyn Sql> {
        let url = self.url.clone();
        match self.server {
            Server::Postgres => Arc::new(sql::Postgres(url)),
            Server::Mariadb => Arc::new(sql::Mariadb(url)),
            Server::Sqlite => Arc::new(sql::Sqlite(url)),
        }
    }

    /// The peer.
    pub(crate) fn direct(&self) -> Result<Arc<dyn Side>, Fault> {
        Ok(match self.server {
            Server::Postgres => Arc::new(Pooled(pool::<AsyncPgConnection>(&self.url)?)),
            Server::Mariadb => Arc::new(Pooled(pool::<AsyncMysqlConnection>(&self.url)?)),
            Server::Sqlite => Arc::new(Thread::start(&self.url)?),
        })
    }

    /// Ours.
    pub(crate) async fn behind(&self, kept: Kept, outbox: Outbox) -> Result<Arc<dyn Queue>, Fault> {
        let store = kept.store()?;
        match self.server {
            Server::Postgres => {
                let pool = pool::<AsyncPgConnection>(&self.url)?;
                open(DieselAsync::new(pool), store, &self.name, outbox).await
            }
            Server::Mariadb => {
                let pool = pool::<AsyncMysqlConnection>(&self.url)?;
                open(DieselAsync::new(pool), store, &self.name, outbox).await
            }
            Server::Sqlite => {
                let pool = diesel::r2d2::Pool::builder()
                    .max_size(4)
                    .test_on_check_out(false)
                    .connection_customizer(Box::new(Durable))
                    .build(ConnectionManager::<SqliteConnection>::new(&self.url))?;
                open(R2d2::new(pool), store, &self.name, outbox).await
            }
        }
    }

    /// Removes it.
    pub(crate) async fn remove(self) -> Result<(), Fault> {
        let name = &self.name;
        match self.server {
            Server::Postgres => self.sql().execute(&format!("DROP SCHEMA {name} CASCADE")).await,
            Server::Mariadb => self.sql().execute(&format!("DROP DATABASE {name}")).await,
            Server::Sqlite => Ok(()),
        }
    }
}

async fn open<D: Database>(
    database: D,
    store: Arc<dyn Store>,
    name: &str,
    outbox: Outbox,
) -> Result<Arc<dyn Queue>, Fault>
where
    deep::Page: Statements<D::Backend>,
    bounded::Page: Statements<D::Backend>,
{
    match outbox {
        Outbox::Deep => behind::open::<deep::Page, D>(database, store, name).await,
        Outbox::Bounded => behind::open::<bounded::Page, D>(database, store, name).await,
    }
}

fn pool<C>(url: &str) -> Result<Pool<AsyncDieselConnectionManager<C>>, Fault>
where
    C: AsyncConnection + 'static,
    AsyncDieselConnectionManager<C>: Manager,
{
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::<C>::new_with_config(url, config);
    Ok(Pool::builder(manager).max_size(CONNECTIONS).build()?)
}

#[derive(Debug)]
struct Durable;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Durable {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(PRAGMAS).map_err(diesel::r2d2::Error::QueryError)
    }
}

fn required(name: &str) -> Result<String, Fault> {
    std::env::var(name)
        .map_err(|_| format!("{name} is not set: run this through `tests/run bench`").into())
}
