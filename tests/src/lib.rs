//! What the suites share. Run them through `tests/run`.

pub mod account;
mod cargo;
pub mod databases;
pub mod gate;
mod matrix;
pub mod models;
pub mod modes;
pub mod scripted;
pub mod server;
pub mod shapes;
pub mod skew;
pub mod source;
pub mod stores;
pub mod switched;

pub use cargo::cargo;

/// The URL of the run's own Redis.
///
/// # Panics
/// Where no run has started one: a test whose server is missing fails.
pub fn redis_url() -> String {
    required("TEST_REDIS_URL")
}

/// The `redis-server` binary, for a test that starts and kills its own.
///
/// # Panics
/// As [`redis_url`].
pub fn redis_server() -> String {
    required("TEST_REDIS_SERVER")
}

/// The URL of the run's own PostgreSQL, database `cache_test`.
///
/// # Panics
/// As [`redis_url`].
pub fn postgres_url() -> String {
    required("TEST_POSTGRES_URL")
}

/// The URL of the run's own MariaDB, database `cache_test`.
///
/// # Panics
/// As [`redis_url`].
pub fn mysql_url() -> String {
    required("TEST_MYSQL_URL")
}

fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this through tests/run"))
}
