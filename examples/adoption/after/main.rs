//! The package registry of `before`, with the cache.
//!
//! `cargo run --example adoption_after`; without it is `adoption_before`.

#[allow(dead_code, reason = "a row has its columns, whoever reads them")]
mod models;
#[path = "../scenario/mod.rs"]
mod scenario;
#[path = "../schema.rs"]
mod schema;
mod services;

use cache_runtime::{Cache, InProcess, models};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};

use metrics_exporter_prometheus::PrometheusBuilder;

use crate::models::{
    ApiToken, Category, Dependency, Follow, Member, Organization, Package, PackageOwner,
    PackageStats, Readme, Release, Session, Setting, User,
};
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

    let metrics = PrometheusBuilder::new().install_recorder()?;
    let cache = Cache::builder(pool.clone())
        .store(InProcess::new()) // `Redis::url(..)?` once a second process serves
        .models(models![
            User,
            Session,
            ApiToken,
            Organization,
            Member,
            Setting,
            Package,
            Release,
            Dependency,
            Readme,
            Category,
            PackageOwner,
            Follow,
            PackageStats
        ])
        .build_blocking()?;

    let registry = Registry::new(pool, cache.clone());
    println!("{}", scenario::play(&registry)?);
    for line in metrics.render().lines().filter(|line| line.starts_with("cache_hits_total")) {
        println!("{line}");
    }
    let drained = cache.shutdown(std::time::Duration::from_secs(5))?;
    if drained.abandoned > 0 {
        eprintln!("{} entries are stale for at most their ttl", drained.abandoned);
    }
    Ok(())
}
