//! The databases and stores, and both sides on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cache_rig::AroundStore;
use cache_runtime::migrations::{self, Migration};
use cache_runtime::ports::Store;
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
use crate::behind::{Queue, open};
use crate::direct::{Pooled, Thread};
use crate::load::Side;
use crate::models::{bounded, deep};
use crate::options::folder_of_results;
use crate::sql::{self, PRAGMAS, Sql};
use crate::timed::{Timed, TimedStore, Timings};

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

/// What both sides run on.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) server: Server,
    pub(crate) kept: Kept,
    pub(crate) outbox: Outbox,
    /// How many rows there are.
    pub(crate) rows: i64,
    pub(crate) timings: Option<Arc<Timings>>,
}

impl Setting {
    pub(crate) fn new(server: Server, kept: Kept, rows: i64) -> Self {
        Self { server, kept, outbox: Outbox::Deep, rows, timings: None }
    }
}

/// A schema of a benchmark's own, or what takes its place.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) name: String,
    pub(crate) url: String,
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
                sql::Postgres(base.clone()).batch(&format!("CREATE SCHEMA {name}")).await?;
                let join = if base.contains('?') { '&' } else { '?' };
                format!("{base}{join}options=-csearch_path%3D{name}")
            }
            Self::Mariadb => {
                let base = required("BENCH_MYSQL_URL")?;
                sql::Mariadb(base.clone()).batch(&format!("CREATE DATABASE {name}")).await?;
                let (server, _) = base.rsplit_once('/').ok_or("BENCH_MYSQL_URL has no database")?;
                format!("{server}/{name}")
            }
            Self::Sqlite => {
                // Where what is built is: /tmp may be in memory.
                std::fs::create_dir_all(folder_of_results())?;
                let here = tempfile::tempdir_in(folder_of_results())?;
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

    /// Lets it look at its tables: statements that each run alone.
    pub(crate) fn analyze(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["VACUUM ANALYZE direct_pages", "VACUUM ANALYZE behind_pages"],
            Self::Mariadb => &["ANALYZE TABLE direct_pages, behind_pages"],
            Self::Sqlite => &["ANALYZE"],
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

    /// Ours. With `timings` each step is timed, which costs a little.
    pub(crate) async fn behind(&self, setting: &Setting) -> Result<Arc<dyn Queue>, Fault> {
        let (mut store, name) = (setting.kept.store()?, &self.name);
        if let Some(timings) = setting.timings.clone() {
            store = Arc::new(AroundStore::new(store, TimedStore(timings)));
        }
        match (self.server, setting.outbox, setting.timings.clone()) {
            (Server::Postgres, outbox, timings) => {
                let inner = DieselAsync::new(pool::<AsyncPgConnection>(&self.url)?);
                let timed = Timed { inner, timings };
                match outbox {
                    Outbox::Bounded => open::<bounded::Page, _>(timed, store, name).await,
                    Outbox::Deep => open::<deep::Page, _>(timed, store, name).await,
                }
            }
            (Server::Mariadb, Outbox::Deep, None) => {
                let pool = pool::<AsyncMysqlConnection>(&self.url)?;
                open::<deep::Page, _>(DieselAsync::new(pool), store, name).await
            }
            (Server::Sqlite, Outbox::Deep, None) => {
                let pool = diesel::r2d2::Pool::builder()
                    .max_size(4)
                    .test_on_check_out(false)
                    .connection_customizer(Box::new(Durable))
                    .build(ConnectionManager::<SqliteConnection>::new(&self.url))?;
                open::<deep::Page, _>(R2d2::new(pool), store, name).await
            }
            _ => Err("nobody needs this yet".into()),
        }
    }

    /// Removes it.
    pub(crate) async fn remove(self) -> Result<(), Fault> {
        let name = &self.name;
        match self.server {
            Server::Postgres => self.sql().batch(&format!("DROP SCHEMA {name} CASCADE")).await,
            Server::Mariadb => self.sql().batch(&format!("DROP DATABASE {name}")).await,
            Server::Sqlite => Ok(()),
        }
    }
}

pub(crate) fn pool<C>(url: &str) -> Result<Pool<AsyncDieselConnectionManager<C>>, Fault>
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
