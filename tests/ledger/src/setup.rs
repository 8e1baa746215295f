//! Which database a run is on, and the cache over it as each process opens it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::migrations::{self, Migration};
use cache_runtime::ports::{Database, Statements};
use cache_runtime::{Cache, DieselAsync, R2d2, Redis, models};
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncConnection, AsyncMysqlConnection, AsyncPgConnection};

use crate::Fault;
use crate::database::Mortal;
use crate::failpoints::Failpoints;
use crate::link::Link;
use crate::models::{Counter, Entry, Sheet, tables};
use crate::rows::{Repositories, Rows};
use crate::store::{MortalStore, mortal};

/// How long the fence of a killed writer stands.
pub(crate) const FENCE_EXPIRY: Duration = Duration::from_millis(1500);

/// Which database the processes run on.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Sqlite,
    Postgres,
    Mariadb,
}

impl Server {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mariadb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
        }
    }

    /// As an argument.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|server| server.argument() == name)
    }

    fn migrations(self) -> &'static [Migration] {
        match self {
            Self::Sqlite => migrations::SQLITE,
            Self::Postgres => migrations::POSTGRES,
            Self::Mariadb => migrations::MYSQL,
        }
    }
}

/// Where a run takes place, as all its processes read it in its folder.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) database: String,
    pub(crate) redis: String,
}

impl Place {
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Fault> {
        let text = format!("{}\n{}\n{}\n", self.server.argument(), self.database, self.redis);
        Ok(fs::write(folder.join("place"), text)?)
    }

    pub(crate) fn read(folder: &Path) -> Result<Self, Fault> {
        let text = fs::read_to_string(folder.join("place"))?;
        match text.lines().collect::<Vec<_>>()[..] {
            [server, database, redis] => Ok(Self {
                server: Server::named(server).ok_or("a place without a database")?,
                database: database.to_owned(),
                redis: redis.to_owned(),
            }),
            _ => Err("a place that is not three lines".into()),
        }
    }

    /// A connection past the cache.
    pub(crate) fn link(&self) -> Result<Link, Fault> {
        Link::open(self.server, &self.database)
    }

    /// Makes the tables.
    pub(crate) fn create(&self) -> Result<(), Fault> {
        let mut link = self.link()?;
        if self.server == Server::Sqlite {
            link.run("PRAGMA journal_mode = WAL")?;
        }
        for migration in self.server.migrations() {
            if migration.name.ends_with("_cache_outbox") {
                link.run(migration.up)?;
            }
        }
        link.run(&tables())
    }

    /// Opens the cache as a process of the run does.
    ///
    /// `unsynced` is for a SQLite that may lose what it has acknowledged.
    pub(crate) async fn open(
        &self,
        points: &Arc<Failpoints>,
        unsynced: bool,
    ) -> Result<Arc<dyn Rows>, Fault> {
        let redis = Redis::url(&self.redis)?;
        let store = mortal(redis, points.clone());
        let url = self.database.clone();
        match self.server {
            Server::Sqlite => {
                let pool = Pool::builder()
                    .max_size(4)
                    .connection_timeout(Duration::from_secs(20))
                    .connection_customizer(Box::new(Pragmas { unsynced }))
                    .build(ConnectionManager::<SqliteConnection>::new(url))?;
                open(Mortal::new(R2d2::new(pool), points.clone()), store, unsynced).await
            }
            Server::Postgres => {
                let pool = asynchronous::<AsyncPgConnection>(url)?;
                open(Mortal::new(pool, points.clone()), store, unsynced).await
            }
            Server::Mariadb => {
                let pool = asynchronous::<AsyncMysqlConnection>(url)?;
                open(Mortal::new(pool, points.clone()), store, unsynced).await
            }
        }
    }
}

/// What a SQLite connection needs so that a commit is on the disk, or is not.
#[derive(Debug)]
struct Pragmas {
    unsynced: bool,
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        let synchronous = if self.unsynced { "NORMAL" } else { "FULL" };
        connection
            .batch_execute(&format!(
                "PRAGMA busy_timeout = 10000; PRAGMA synchronous = {synchronous}"
            ))
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

fn asynchronous<C>(url: String) -> Result<DieselAsync<C>, Fault>
where
    C: AsyncConnection + 'static,
    AsyncDieselConnectionManager<C>: deadpool::managed::Manager,
{
    let manager = AsyncDieselConnectionManager::<C>::new(url);
    Ok(DieselAsync::new(deadpool::managed::Pool::builder(manager).max_size(8).build()?))
}

async fn open<D: Database>(
    database: D,
    store: MortalStore,
    unsynced: bool,
) -> Result<Arc<dyn Rows>, Fault>
where
    Entry: Statements<D::Backend>,
    Counter: Statements<D::Backend>,
    Sheet: Statements<D::Backend>,
{
    let mut builder = Cache::builder(database);
    if unsynced {
        builder = builder.accept_write_loss();
    }
    let cache = builder
        .store(store)
        .models(models![Entry, Counter, Sheet])
        .namespace("ledger")
        .fence_expiry(FENCE_EXPIRY)
        // A killed reader's leases must not keep a row out of the cache for long.
        .lease_expiry(Duration::from_millis(500))
        .patience(Duration::from_millis(20))
        .build()
        .await?;
    Ok(Arc::new(Repositories::new(cache)))
}
