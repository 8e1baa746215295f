//! The simulated store and database, held to the real ones.

mod schedules;
mod stores;
mod transactions;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, MysqlConnection, PgConnection};

use crate::bench::Bench;
use crate::mode::Mode;
use crate::report::Report;

/// The servers of the run.
pub struct Servers {
    redis: String,
    postgres: String,
    mysql: String,
}

impl Servers {
    /// Those that `tests/run` has started.
    pub fn of_run() -> Option<Self> {
        let redis = std::env::var("TEST_REDIS_URL").ok()?;
        let postgres = std::env::var("TEST_POSTGRES_URL").ok()?;
        let mysql = std::env::var("TEST_MYSQL_URL").ok()?;
        Some(Self { redis: redis.trim_end_matches('/').to_owned(), postgres, mysql })
    }

    /// A database of its own for each user.
    pub fn redis(&self, database: usize) -> String {
        format!("{}/{database}", self.redis)
    }

    pub fn postgres(&self) -> &str {
        &self.postgres
    }

    /// An empty database of this name.
    pub fn mysql(&self, name: &str) -> String {
        let mut link = MysqlConnection::establish(&self.mysql).unwrap();
        let sql = format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}");
        link.batch_execute(&sql).unwrap();
        let (server, _) = self.mysql.rsplit_once('/').expect("the URL names a database");
        format!("{server}/{name}")
    }

    /// Schedules on PostgreSQL, with the store in the process.
    pub fn on_postgres(&self) -> [Bench<PgConnection>; 2] {
        ["sim_a", "sim_b"].map(|schema| Bench::postgres(&self.postgres, schema))
    }

    /// Schedules on PostgreSQL and Redis.
    pub fn on_postgres_and_redis(&self) -> [Bench<PgConnection>; 2] {
        [("truth_a", 1), ("truth_b", 2)].map(|(schema, database)| {
            Bench::postgres(&self.postgres, schema).on_redis(self.redis(database))
        })
    }

    /// Schedules on MariaDB and Redis.
    pub fn on_mysql_and_redis(&self) -> [Bench<MysqlConnection>; 2] {
        [("truth_a", 4), ("truth_b", 5)]
            .map(|(name, database)| Bench::mysql(&self.mysql(name)).on_redis(self.redis(database)))
    }
}

/// Each part, with what it takes of the numbers asked for.
pub fn hold(servers: &Servers, modes: &[Mode], schedules: u64, report: &mut Report) {
    schedules::hold(servers, modes, schedules, report);
    stores::hold(servers, report);
    transactions::hold(servers, report);
}
