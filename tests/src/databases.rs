//! Databases of a test's own: a SQLite file, a schema in the PostgreSQL or a database in the
//! MariaDB of `tests/run`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use cache_runtime::DieselAsync;
use cache_runtime::migrations::{self, Migration};
use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, R2D2Connection};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection};

static NEXT: AtomicU32 = AtomicU32::new(0);

fn unique_name() -> String {
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Counts the SELECTs and writes that reach the database through a pool.
#[derive(Clone, Default)]
pub struct Statements(Arc<AtomicUsize>);

impl Statements {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub fn since(&self, before: usize) -> usize {
        self.count() - before
    }

    fn watch(&self, connection: &mut impl Connection) {
        let count = self.0.clone();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { .. } = event {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}

#[derive(Debug)]
struct Setup {
    each: &'static str,
    statements: Arc<AtomicUsize>,
}

impl<C: R2D2Connection + 'static> CustomizeConnection<C, diesel::r2d2::Error> for Setup {
    fn on_acquire(&self, connection: &mut C) -> Result<(), diesel::r2d2::Error> {
        if !self.each.is_empty() {
            connection.batch_execute(self.each).map_err(diesel::r2d2::Error::QueryError)?;
        }
        Statements(self.statements.clone()).watch(connection);
        Ok(())
    }
}

fn pool<C: R2D2Connection + 'static>(
    url: &str,
    each: &'static str,
) -> (Pool<ConnectionManager<C>>, Statements) {
    let statements = Statements::default();
    let pool = Pool::builder()
        .max_size(4)
        .test_on_check_out(false)
        .connection_customizer(Box::new(Setup { each, statements: statements.0.clone() }))
        .build(ConnectionManager::new(url))
        .expect("the database of the test answers");
    (pool, statements)
}

/// A SQLite file that goes with the value.
pub struct Sqlite {
    pub pool: Pool<ConnectionManager<SqliteConnection>>,
    pub statements: Statements,
    folder: tempfile::TempDir,
}

impl Sqlite {
    pub fn with(sql: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("test.sqlite");
        let (pool, statements) = pool::<SqliteConnection>(
            url.to_str().unwrap(),
            "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA foreign_keys = ON;",
        );
        for statement in sql {
            pool.get().unwrap().batch_execute(statement).unwrap();
        }
        Self { pool, statements, folder }
    }

    /// A connection beside the pool.
    pub fn establish(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.path()).unwrap()
    }

    /// The file.
    pub fn path(&self) -> String {
        self.folder.path().join("test.sqlite").to_str().unwrap().to_owned()
    }

    /// Runs SQL past every cache.
    pub fn execute(&self, sql: &str) {
        self.pool.get().unwrap().batch_execute(sql).unwrap();
    }
}

/// A schema of its own in PostgreSQL.
pub struct Postgres {
    pub pool: Pool<ConnectionManager<PgConnection>>,
    pub statements: Statements,
    url: String,
}

impl Postgres {
    pub fn with(sql: &[&str]) -> Self {
        let schema = unique_name();
        let base = crate::postgres_url();
        PgConnection::establish(&base)
            .expect("PostgreSQL answers")
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .unwrap();
        let join = if base.contains('?') { '&' } else { '?' };
        let url = format!("{base}{join}options=-csearch_path%3D{schema}");
        let (pool, statements) = pool::<PgConnection>(&url, "");
        for statement in sql {
            pool.get().unwrap().batch_execute(statement).unwrap();
        }
        Self { pool, statements, url }
    }

    /// The same schema through diesel-async.
    pub fn asynchronous(&self) -> DieselAsync<AsyncPgConnection> {
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(&self.url);
        let pool = deadpool::managed::Pool::builder(manager).max_size(4).build().unwrap();
        DieselAsync::new(pool)
    }

    /// A connection beside the pool.
    pub fn establish(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }

    /// Leads to the schema.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn execute(&self, sql: &str) {
        self.pool.get().unwrap().batch_execute(sql).unwrap();
    }
}

/// A database of its own in MariaDB.
pub struct Mysql {
    pub pool: Pool<ConnectionManager<MysqlConnection>>,
    pub statements: Statements,
    url: String,
}

impl Mysql {
    pub fn with(sql: &[&str]) -> Self {
        let name = unique_name();
        let base = crate::mysql_url();
        MysqlConnection::establish(&base)
            .expect("MariaDB answers")
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        let (server, _) = base.rsplit_once('/').expect("the URL names a database");
        let url = format!("{server}/{name}");
        let (pool, statements) = pool::<MysqlConnection>(&url, "");
        for statement in sql {
            pool.get().unwrap().batch_execute(statement).unwrap();
        }
        Self { pool, statements, url }
    }

    /// The same database through diesel-async.
    pub fn asynchronous(&self) -> DieselAsync<AsyncMysqlConnection> {
        let manager = AsyncDieselConnectionManager::<AsyncMysqlConnection>::new(&self.url);
        let pool = deadpool::managed::Pool::builder(manager).max_size(4).build().unwrap();
        DieselAsync::new(pool)
    }

    /// A connection beside the pool.
    pub fn establish(&self) -> MysqlConnection {
        MysqlConnection::establish(&self.url).unwrap()
    }

    /// Leads to the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL past every cache.
    pub fn execute(&self, sql: &str) {
        self.pool.get().unwrap().batch_execute(sql).unwrap();
    }
}

/// What the servers' own SQL is, where the suites need it.
pub trait Sql {
    /// A table whose key is compared without regard to case.
    const CREATE_TAGS: &'static str;

    /// A trigger that makes a changed balance ten times as much, after the change has been
    /// returned. None where nothing is returned before it has run.
    const TENFOLD: Option<&'static str>;
    /// The tables of the runtime's own.
    const MIGRATIONS: &'static [Migration];
    /// Takes the counter of versions away.
    const DROP_COUNTER: &'static str;

    /// Sets the counter of versions.
    fn set_counter(value: i64) -> String;
}

const SET_COUNTER: &str = "UPDATE cache_version SET value = ";

impl Sql for Sqlite {
    const MIGRATIONS: &'static [Migration] = migrations::SQLITE;
    const CREATE_TAGS: &'static str =
        "CREATE TABLE tags (name TEXT COLLATE NOCASE PRIMARY KEY, uses BIGINT NOT NULL)";
    const TENFOLD: Option<&'static str> = Some(
        "CREATE TRIGGER tenfold AFTER UPDATE ON accounts BEGIN UPDATE accounts SET balance = \
         NEW.balance * 10 WHERE id = NEW.id; END",
    );
    const DROP_COUNTER: &'static str = "DROP TABLE cache_version";

    fn set_counter(value: i64) -> String {
        format!("{SET_COUNTER}{value}")
    }
}

impl Sql for Mysql {
    const MIGRATIONS: &'static [Migration] = migrations::MYSQL;
    const CREATE_TAGS: &'static str =
        "CREATE TABLE tags (name VARCHAR(50) PRIMARY KEY, uses BIGINT NOT NULL)";
    const TENFOLD: Option<&'static str> = None;
    const DROP_COUNTER: &'static str = "DROP TABLE cache_version";

    fn set_counter(value: i64) -> String {
        format!("{SET_COUNTER}{value}")
    }
}

impl Sql for Postgres {
    const MIGRATIONS: &'static [Migration] = migrations::POSTGRES;
    const CREATE_TAGS: &'static str = "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE tags (name TEXT COLLATE nocase PRIMARY KEY, uses BIGINT NOT NULL)";
    const TENFOLD: Option<&'static str> = Some(
        "CREATE FUNCTION tenfold() RETURNS trigger AS $$ BEGIN UPDATE accounts SET balance = \
         NEW.balance * 10 WHERE id = NEW.id; RETURN NULL; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER tenfold AFTER UPDATE ON accounts FOR EACH ROW \
         WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tenfold()",
    );
    const DROP_COUNTER: &'static str = "DROP SEQUENCE cache_version";

    fn set_counter(value: i64) -> String {
        format!("SELECT setval('cache_version', {value})")
    }
}

/// The migration of the runtime's own that has this name behind its date.
pub fn migration<S: Sql>(name: &str) -> &'static Migration {
    let mut named = S::MIGRATIONS.iter().filter(|migration| migration.name.ends_with(name));
    named.next().expect("a migration of this name")
}
