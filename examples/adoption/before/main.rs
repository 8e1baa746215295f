//! A package registry on r2d2 and Diesel, as it was before it had a cache.
//!
//! `cargo run --example adoption_before`; with the cache it is `adoption_after`.

#[allow(dead_code, reason = "a row has its columns, whoever reads them")]
mod models;
#[path = "../scenario/mod.rs"]
mod scenario;
#[path = "../schema.rs"]
mod schema;
mod services;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};

use crate::services::Registry;

/// What SQLite needs to be told on each connection.
#[derive(Debug)]
struct Pragmas;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection
            .batch_execute("PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;")
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("registry.sqlite").display().to_string();
    let pool = Pool::builder()
        .max_size(4)
        .connection_customizer(Box::new(Pragmas))
        .build(ConnectionManager::<SqliteConnection>::new(file))?;
    pool.get()?.batch_execute("PRAGMA journal_mode = WAL")?;
    pool.get()?.batch_execute(include_str!("../up.sql"))?;

    let registry = Registry::new(pool);
    println!("{}", scenario::play(&registry)?);
    Ok(())
}
