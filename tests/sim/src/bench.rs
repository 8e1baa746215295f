//! What one thread runs its schedules on: a database and a store, used again for each.

use std::fmt::Write as _;
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::migrations::{self, Migration};
use cache_runtime::ports::{BoxFuture, Dialect, Store};
use cache_runtime::{InProcess, Redis};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, MysqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::database::{Link, Links, Shared};
use crate::history::{Item, Row, Tables};
use crate::plan::Ground;
use crate::ports::Time;

pub struct Bench<C> {
    pub links: Shared<C>,
    pub ground: Ground,
    pub time: Time,
    shelf: Shelf,
    /// Sets the counter of versions to 1, which the rows that are there at first have.
    count: &'static str,
    /// Whether the database's time stands, where the simulated time is that of SQLite.
    stopped: Arc<AtomicBool>,
    /// Goes with the bench.
    _folder: Option<TempDir>,
}

enum Shelf {
    /// In the process; a new one for each schedule.
    InProcess(Mutex<Arc<InProcess>>),
    /// A database of the server, by its URL.
    Redis(String),
}

/// How long Redis may take for an answer: a slow machine is no finding.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the counter of versions is a table.
const COUNT: &str = "UPDATE cache_version SET value = 1";

pub const CREATE: &str = "CREATE TABLE accounts (id BIGINT PRIMARY KEY, email VARCHAR(100) NOT NULL UNIQUE, \
                      balance BIGINT NOT NULL, version BIGINT NOT NULL DEFAULT 0)";

const CREATE_ITEMS: &str = "CREATE TABLE items (id BIGINT PRIMARY KEY, account BIGINT NOT NULL, amount BIGINT \
                            NOT NULL)";

#[diesel::declare_sql_function]
extern "SQL" {
    /// What time it is, as SQLite tells it: days since noon of a day long ago.
    fn julianday(of: diesel::sql_types::Text) -> diesel::sql_types::Double;
}

/// The day on which the simulated time begins.
const EPOCH: f64 = 2_440_587.5;

impl Bench<SqliteConnection> {
    /// A file in memory, where the machine has such a place.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let file = folder.path().join("sim.sqlite");
        let (time, stopped) = (Time::default(), Arc::<AtomicBool>::default());
        let link = || {
            let mut link = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
            let how = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;";
            link.batch_execute(how).unwrap();
            // The statements of the runtime ask the database for the time.
            let (time, stopped) = (time.clone(), stopped.clone());
            let now = move |_: String| match stopped.load(Ordering::Relaxed) {
                true => EPOCH + 1.0,
                false => EPOCH + time.now().as_secs_f64() / 86_400.0,
            };
            julianday_utils::register_nondeterministic_impl(&mut link, now).unwrap();
            link
        };
        let links = Links { reader: link(), writer: link() };
        let mut bench = Self::new(links, time, COUNT, migrations::SQLITE);
        bench.stopped = stopped;
        bench._folder = Some(folder);
        bench
    }
}

impl Bench<PgConnection> {
    /// A schema of its own on this server.
    pub fn postgres(url: &str, name: &str) -> Self {
        let link = || {
            let mut link = PgConnection::establish(url).unwrap();
            let how = format!(
                "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS {name}; \
                 SET search_path = {name}; SET synchronous_commit = off"
            );
            link.batch_execute(&how).unwrap();
            link
        };
        let (mut writer, reader) = (link(), link());
        writer.batch_execute(&format!("DROP SCHEMA {name} CASCADE; CREATE SCHEMA {name}")).unwrap();
        let bench = Self::new(
            Links { reader, writer },
            Time::default(),
            "SELECT setval('cache_version', 1)",
            migrations::POSTGRES,
        );
        Self { ground: Ground { tells_outcome: true, ..bench.ground }, ..bench }
    }
}

impl Bench<MysqlConnection> {
    /// A database of the server by its URL, empty. It is not asked what became of a COMMIT: it
    /// tells whether the connection lives that sent it, and here that lives on.
    pub fn mysql(url: &str) -> Self {
        let link = || {
            let mut link = MysqlConnection::establish(url).unwrap();
            // So that `||` is what it is elsewhere.
            link.batch_execute("SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')").unwrap();
            link
        };
        let links = Links { reader: link(), writer: link() };
        Self::new(links, Time::default(), COUNT, migrations::MYSQL)
    }
}

impl<C: Link> Bench<C> {
    fn new(mut links: Links<C>, time: Time, count: &'static str, own: &[Migration]) -> Self {
        links.writer.batch_execute(CREATE).unwrap();
        links.writer.batch_execute(CREATE_ITEMS).unwrap();
        links.writer.batch_execute(<C::Backend as Dialect>::CREATE_COUNTER).unwrap();
        for migration in own {
            links.writer.batch_execute(migration.up).unwrap();
        }
        let store = in_process(&time);
        Self {
            links: Arc::new(Mutex::new(links)),
            ground: Ground { tells_outcome: false, real_time: false },
            time,
            shelf: Shelf::InProcess(Mutex::new(store)),
            count,
            stopped: Arc::default(),
            _folder: None,
        }
    }

    /// Uses a database of a Redis server instead of the process's memory.
    #[must_use]
    pub fn on_redis(mut self, url: String) -> Self {
        self.shelf = Shelf::Redis(url);
        self.in_real_time()
    }

    /// Runs only schedules that a store with a clock of its own can follow.
    #[must_use]
    pub fn in_real_time(mut self) -> Self {
        self.ground.real_time = true;
        // A real database's goes on too little for anything to expire.
        self.stopped.store(true, Ordering::Relaxed);
        self
    }

    pub fn is_real(&self) -> bool {
        matches!(self.shelf, Shelf::Redis(_))
    }

    /// The store, empty. Within the runtime that will use it.
    pub async fn store(&self) -> Arc<dyn Store> {
        match &self.shelf {
            Shelf::InProcess(store) => {
                let new = in_process(&self.time);
                *store.lock().unwrap() = new.clone();
                new
            }
            Shelf::Redis(url) => {
                self.flush().await;
                let store = Redis::url(url).unwrap().response_timeout(PATIENCE);
                store.start().await.unwrap();
                Arc::new(store)
            }
        }
    }

    pub fn flush(&self) -> BoxFuture<'static, ()> {
        match &self.shelf {
            Shelf::InProcess(store) => {
                store.lock().unwrap().clear();
                Box::pin(ready(()))
            }
            Shelf::Redis(url) => {
                let url = url.clone();
                Box::pin(async move { empty(&url).await })
            }
        }
    }

    /// Makes the tables hold these rows alone.
    pub fn reset(&self, tables: &Tables) {
        let mut sql = format!(
            "{}; DELETE FROM cache_invalidations; DELETE FROM cache_watermarks; DELETE FROM \
             cache_leaders; DELETE FROM cache_events; DELETE FROM cache_outbox; DELETE FROM \
             cache_parked; DELETE FROM cache_outbox_stripes; DELETE FROM cache_outbox_claims; DELETE \
             FROM cache_outbox_models; DELETE FROM accounts; DELETE FROM items",
            self.count
        );
        for Row { id, email, balance } in &tables.rows {
            let _ = write!(
                sql,
                "; INSERT INTO accounts (id, email, balance, version) VALUES ({id}, '{email}', \
                 {balance}, 1)"
            );
        }
        for Item { id, account, amount } in &tables.items {
            let _ = write!(
                sql,
                "; INSERT INTO items (id, account, amount) VALUES ({id}, {account}, {amount})"
            );
        }
        self.links.lock().unwrap().writer.batch_execute(&sql).unwrap();
    }
}

/// Makes a database of the Redis server forget everything.
pub async fn empty(url: &str) {
    let client = redis::Client::open(url).unwrap();
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let mut link = client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
    redis::cmd("FLUSHDB").exec_async(&mut link).await.unwrap();
}

fn in_process(time: &Time) -> Arc<InProcess> {
    Arc::new(InProcess::with_capacity(1000).with_clock(Arc::new(time.clone())))
}
