//! The database: real connections, each statement of which waits for the scheduler. Writers come
//! one after the other, as on SQLite; what matters to the protocols is that a row's lock ends at
//! COMMIT.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::ports::{Database, Dialect, FromRow, Load, Transaction};
use cache_runtime::{Error, ErrorKind, Result};
use diesel::connection::LoadConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::scheduler::{Fate, Kind, Sim};

/// What a connection has to be.
pub trait Link: LoadConnection + Connection<Backend: Dialect> + Send + 'static {
    /// The balances of both tables' rows.
    fn balances(&mut self) -> BTreeMap<i64, i64>;
}

#[derive(QueryableByName)]
struct Balance {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    balance: i64,
}

const BALANCES: &str =
    "SELECT id, balance FROM accounts UNION ALL SELECT id, balance FROM versions";

macro_rules! link {
    ($($connection:ty),*) => {$(
        impl Link for $connection {
            fn balances(&mut self) -> BTreeMap<i64, i64> {
                let rows: Vec<Balance> = diesel::sql_query(BALANCES).load(self).unwrap();
                rows.into_iter().map(|row| (row.id, row.balance)).collect()
            }
        }
    )*};
}

link!(SqliteConnection, PgConnection);

/// What was committed, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub step: u64,
    pub time: Duration,
    pub key: i64,
    /// The balance; none where the row is gone.
    pub balance: Option<i64>,
}

/// The database of one schedule.
pub struct Server<C> {
    free: Mutex<Vec<C>>,
    /// The open write transaction's connection, and whose it is.
    writing: Mutex<Option<(usize, C)>>,
    commits: Mutex<Vec<Commit>>,
    seen: Mutex<BTreeMap<i64, i64>>,
}

impl<C: Link> Server<C> {
    /// Takes over connections; there must be three.
    pub fn new(connections: Vec<C>) -> Arc<Self> {
        let server = Self {
            free: Mutex::new(connections),
            writing: Mutex::default(),
            commits: Mutex::default(),
            seen: Mutex::default(),
        };
        Arc::new(server)
    }

    /// Gives the connections back for another schedule.
    pub fn take(&self) -> Vec<C> {
        if let Some((_, mut connection)) = self.writing.lock().unwrap().take() {
            connection.batch_execute("ROLLBACK").unwrap();
            self.free.lock().unwrap().push(connection);
        }
        std::mem::take(&mut self.free.lock().unwrap())
    }

    pub fn commits(&self) -> Vec<Commit> {
        self.commits.lock().unwrap().clone()
    }

    /// Notes what is there now, as what a commit left.
    pub fn note(&self, sim: &Sim) {
        let mut connection = self.free.lock().unwrap().pop().expect("a free connection");
        let now = connection.balances();
        self.free.lock().unwrap().push(connection);
        let mut seen = self.seen.lock().unwrap();
        let keys: Vec<i64> = seen.keys().chain(now.keys()).copied().collect();
        let (step, time) = (sim.state().step, sim.now());
        for key in keys {
            let balance = now.get(&key).copied();
            if seen.get(&key).copied() != balance {
                sim.note(|| format!("key {key} is now {balance:?}"));
                self.commits.lock().unwrap().push(Commit { step, time, key, balance });
                match balance {
                    Some(balance) => drop(seen.insert(key, balance)),
                    None => drop(seen.remove(&key)),
                }
            }
        }
    }

    /// Ends the open transaction of a process that died: either way, as the server sees it.
    pub fn bury(&self, sim: &Sim, process: usize, commits: bool) {
        let mut writing = self.writing.lock().unwrap();
        if writing.as_ref().is_some_and(|(owner, _)| *owner == process) {
            let (_, mut connection) = writing.take().expect("just seen");
            connection.batch_execute(if commits { "COMMIT" } else { "ROLLBACK" }).unwrap();
            self.free.lock().unwrap().push(connection);
            drop(writing);
            sim.state().writer_open = false;
            self.note(sim);
        }
    }

    fn end(&self, sim: &Sim, sql: &str) -> Result<()> {
        let Some((_, mut connection)) = self.writing.lock().unwrap().take() else {
            return Err(Error::new(ErrorKind::Database, "the transaction is over"));
        };
        let ended = connection.batch_execute(sql);
        self.free.lock().unwrap().push(connection);
        sim.state().writer_open = false;
        self.note(sim);
        Ok(ended?)
    }
}

/// A process's view of the server.
pub struct SimDatabase<C> {
    pub server: Arc<Server<C>>,
    pub sim: Sim,
    pub process: usize,
}

impl<C> Clone for SimDatabase<C> {
    fn clone(&self) -> Self {
        Self { server: self.server.clone(), sim: self.sim.clone(), process: self.process }
    }
}

fn rows<C: Link, U: FromRow<C::Backend>>(
    connection: &mut C,
    load: Load<C::Backend, U>,
) -> Result<Vec<U>> {
    let mut rows = Vec::new();
    for row in connection.load(load)? {
        rows.push(U::from_row(&row?).map_err(diesel::result::Error::DeserializationError)?);
    }
    Ok(rows)
}

impl<C: Link> Database for SimDatabase<C> {
    type Backend = C::Backend;
    type Transaction = SimTransaction<C>;

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        self.sim.ask(self.process, Kind::Step("load")).await;
        let mut connection = self.server.free.lock().unwrap().pop().expect("a free connection");
        let found = rows(&mut connection, load);
        self.server.free.lock().unwrap().push(connection);
        self.sim.ask(self.process, Kind::Step("loaded")).await;
        found
    }

    async fn begin(&self) -> Result<SimTransaction<C>> {
        self.sim.ask(self.process, Kind::Begin).await;
        let mut connection = self.server.free.lock().unwrap().pop().expect("a free connection");
        connection.batch_execute(<C::Backend as Dialect>::BEGIN_WRITE)?;
        *self.server.writing.lock().unwrap() = Some((self.process, connection));
        self.sim.state().writer_open = true;
        Ok(SimTransaction { database: self.clone(), open: true, savepoints: 0 })
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

pub struct SimTransaction<C: Link> {
    database: SimDatabase<C>,
    open: bool,
    savepoints: usize,
}

impl<C: Link> SimTransaction<C> {
    fn run<T>(&self, work: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        match self.database.server.writing.lock().unwrap().as_mut() {
            Some((_, connection)) => work(connection),
            None => Err(Error::new(ErrorKind::Database, "the transaction is over")),
        }
    }

    async fn step(&self, name: &'static str) {
        self.database.sim.ask(self.database.process, Kind::Step(name)).await;
    }

    fn end(&mut self, sql: &str) -> Result<()> {
        self.open = false;
        self.database.server.end(&self.database.sim, sql)
    }
}

impl<C: Link> Drop for SimTransaction<C> {
    fn drop(&mut self) {
        if self.open && !self.database.sim.is_dead(self.database.process) {
            let _ = self.end("ROLLBACK");
        }
    }
}

impl<C: Link> Transaction for SimTransaction<C> {
    type Backend = C::Backend;

    async fn load<U: FromRow<C::Backend>>(&mut self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        self.step("statement").await;
        let found = self.run(|connection| rows(connection, load));
        self.step("result").await;
        found
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.run(|connection| Ok(connection.batch_execute(sql)?))
    }

    async fn save(&mut self) -> Result<()> {
        self.savepoints += 1;
        let sql = format!("SAVEPOINT s{}", self.savepoints);
        self.run(|connection| Ok(connection.batch_execute(&sql)?))
    }

    async fn end_save(&mut self, keep: bool) -> Result<()> {
        let undo = if keep { "" } else { "ROLLBACK TO SAVEPOINT s{n}; " };
        let sql = format!("{undo}RELEASE SAVEPOINT s{{n}}");
        let sql = sql.replace("{n}", &self.savepoints.to_string());
        self.savepoints -= 1;
        self.run(|connection| Ok(connection.batch_execute(&sql)?))
    }

    async fn commit(mut self) -> Result<()> {
        let (sim, process) = (self.database.sim.clone(), self.database.process);
        let unknown = || Error::new(ErrorKind::CommitUnknown, "planted by the simulation");
        let answer = match sim.ask(process, Kind::Commit).await {
            Fate::Done => self.end("COMMIT"),
            Fate::Refused => {
                self.end("ROLLBACK")?;
                // Refused, or gone with the connection: the caller cannot tell.
                let refused = Error::new(ErrorKind::Database, "planted by the simulation");
                if sim.state().dice.percent(50) { Err(refused) } else { Err(unknown()) }
            }
            Fate::Unanswered => self.end("COMMIT").and(Err(unknown())),
            Fate::Late => {
                let late = sim.clone();
                tokio::spawn(async move {
                    late.ask(process, Kind::Step("late commit")).await;
                    self.end("COMMIT")
                });
                Err(unknown())
            }
        };
        sim.ask(process, Kind::Step("commit answered")).await;
        answer
    }

    async fn rollback(mut self) -> Result<()> {
        self.step("rollback").await;
        self.end("ROLLBACK")
    }
}
