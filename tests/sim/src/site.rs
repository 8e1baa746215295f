//! Databases that schedules use one after the other.

use cache_runtime::ports::Dialect;
use cache_tests::account::CREATE;
use cache_tests::modes::CREATE_VERSIONS;
use diesel::connection::SimpleConnection as _;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use crate::schedule::{self, Open, Place, Verdict};
use crate::workload::{self, Mode};

/// How many connections a schedule may need at once: the writer's, and one to read beside it.
const CONNECTIONS: usize = 3;

/// Three connections, and how to make their database new.
pub struct Site<C> {
    connections: Vec<C>,
    reset: &'static str,
    open: Open<C>,
    late_commits: bool,
    _folder: Option<tempfile::TempDir>,
}

impl Site<SqliteConnection> {
    /// A file in memory, if the machine has such a place.
    pub fn sqlite() -> Self {
        let shm = std::path::Path::new("/dev/shm");
        let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        let folder = folder.unwrap();
        let path = folder.path().join("sim.sqlite");
        let mut connections: Vec<SqliteConnection> = (0..CONNECTIONS)
            .map(|_| {
                let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                connection
                    .batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
                    .unwrap();
                connection
            })
            .collect();
        for sql in [CREATE, CREATE_VERSIONS, Sqlite::CREATE_COUNTER] {
            connections[0].batch_execute(sql).unwrap();
        }
        Self {
            connections,
            reset: "DELETE FROM accounts; DELETE FROM versions; UPDATE cache_version SET value = 9",
            open: |mode, world, process| Box::pin(workload::sqlite(mode, world, process)),
            late_commits: false,
            _folder: Some(folder),
        }
    }
}

impl Site<PgConnection> {
    /// A schema of its own on the run's PostgreSQL.
    pub fn postgres() -> Self {
        let url = cache_tests::postgres_url();
        let schema = format!("sim_{}", std::process::id());
        let mut connections: Vec<PgConnection> = (0..CONNECTIONS)
            .map(|_| PgConnection::establish(&url).expect("PostgreSQL answers"))
            .collect();
        let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
        connections[0].batch_execute(&create).unwrap();
        for connection in &mut connections {
            let path = format!("SET search_path TO {schema}; SET synchronous_commit TO off");
            connection.batch_execute(&path).unwrap();
        }
        for sql in [CREATE, CREATE_VERSIONS, Pg::CREATE_COUNTER] {
            connections[0].batch_execute(sql).unwrap();
        }
        Self {
            connections,
            reset: "DELETE FROM accounts; DELETE FROM versions; SELECT setval('cache_version', 9)",
            open: |mode, world, process| Box::pin(workload::postgres(mode, world, process)),
            late_commits: true,
            _folder: None,
        }
    }
}

impl<C: crate::database::Link> Site<C> {
    /// Runs the schedule of a seed.
    pub fn run(&mut self, mode: Mode, seed: u64, place: &Place, keep_trace: bool) -> Verdict {
        let first = &mut self.connections[0];
        first.batch_execute(self.reset).unwrap();
        if seed % 3 != 0 {
            let (table, version) =
                if mode.has_version() { ("versions", ", 1") } else { ("accounts", "") };
            let row = format!("INSERT INTO {table} VALUES (1, 'a1', 1{version})");
            first.batch_execute(&row).unwrap();
        }
        let (late, connections) = (self.late_commits, &mut self.connections);
        schedule::run(self.open, connections, mode, seed, place, late, keep_trace)
    }
}
