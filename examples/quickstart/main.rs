//! January's flights from New York, resolved through cached repositories.
//!
//! Loads airlines, airports and planes into a database, replays 27,004 flights in
//! order, looks up the carrier, plane, origin and destination of each, first through the
//! cache and then without it, and checks that both saw the same rows. Then it counts the flights of each
//! plane and each route, written behind, and checks that the tables hold a plain count.
//!
//! ```text
//! cargo run --example quickstart
//! cargo run --example quickstart -- --redis redis://127.0.0.1/
//! cargo run --example quickstart --features postgres -- --database postgres://localhost/test
//! cargo run --example quickstart --features mysql -- --database mysql://root@127.0.0.1/test
//! ```

mod counted;
mod load;
mod models;
mod replay;
mod report;
mod tally;

use std::error::Error;

use cache_runtime::ports::Statements;
use cache_runtime::{Cache, Database, IntoDatabase, Redis, models};
use clap::Parser;
use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};

use crate::counted::{Counted, Counters};
use crate::load::ReferenceData;
use crate::models::{Airline, Airport, Plane, PlaneTally, RouteTally};

#[derive(Parser)]
#[command(about = "Replays January's flights through cached repositories, and without")]
struct Options {
    /// A PostgreSQL or MySQL URL; the tables airlines, airports, planes, plane_tallies, route_tallies
    /// and those of the outbox are replaced. A SQLite file in a temporary folder by default.
    #[arg(long)]
    database: Option<String>,
    /// A Redis URL; a store in this process by default.
    #[arg(long)]
    redis: Option<String>,
    /// Counts also on a server that may forget what it has committed.
    #[arg(long)]
    accept_write_loss: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    match &options.database {
        None => {
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("flights.sqlite");
            let url = file.to_str().ok_or("the temporary folder's name is not UTF-8")?;
            run(filled::<diesel::SqliteConnection>(url)?, &options).await
        }
        #[cfg(feature = "mysql")]
        Some(url) if url.starts_with("mysql://") => {
            run(filled::<diesel::MysqlConnection>(url)?, &options).await
        }
        #[cfg(feature = "postgres")]
        Some(url) if url.starts_with("postgres") => {
            run(filled::<diesel::PgConnection>(url)?, &options).await
        }
        Some(_) => Err("--database takes the URL of a PostgreSQL, with `--features postgres`, or \
                        mysql://.., with `--features mysql`"
            .into()),
    }
}

/// A pool on a database that has the reference data.
fn filled<C>(url: &str) -> Result<Pool<ConnectionManager<C>>, Box<dyn Error>>
where
    C: diesel::r2d2::R2D2Connection + ReferenceData + 'static,
{
    let pool = Pool::builder()
        .test_on_check_out(false)
        .connection_customizer(Box::new(Settings))
        .build(ConnectionManager::<C>::new(url))?;
    pool.get()?.load_reference_data()?;
    Ok(pool)
}

#[derive(Debug)]
struct Settings;

impl<C: ReferenceData + SimpleConnection> CustomizeConnection<C, diesel::r2d2::Error> for Settings {
    fn on_acquire(&self, connection: &mut C) -> Result<(), diesel::r2d2::Error> {
        match C::SETTINGS {
            // An empty query is an error to some.
            None => Ok(()),
            Some(sql) => connection.batch_execute(sql).map_err(diesel::r2d2::Error::QueryError),
        }
    }
}

async fn run<P: IntoDatabase>(pool: P, options: &Options) -> Result<(), Box<dyn Error>>
where
    Airline: Statements<<P::Database as Database>::Backend>,
    Airport: Statements<<P::Database as Database>::Backend>,
    Plane: Statements<<P::Database as Database>::Backend>,
    PlaneTally: Statements<<P::Database as Database>::Backend>,
    RouteTally: Statements<<P::Database as Database>::Backend>,
{
    let counters = Counters::default();
    let database = Counted::new(pool.into_database(), counters.clone());
    let builder = Cache::builder(database)
        .models(models![Plane, Airport, Airline, PlaneTally, RouteTally])
        .namespace(format!("quickstart-{}", std::process::id()))
        .telemetry(counters.clone());
    let builder = if options.accept_write_loss { builder.accept_write_loss() } else { builder };
    let cache = match &options.redis {
        Some(url) => builder.store(Redis::url(url)?),
        None => builder.store(cache_runtime::InProcess::new()),
    }
    .build()
    .await?;

    let flights = load::flights()?;
    let cached = replay::replay(&cache, &counters, &flights, "with the cache").await?;
    cache.off();
    let direct = replay::replay(&cache, &counters, &flights, "without").await?;

    if cached.digest != direct.digest {
        return Err(format!(
            "the cache changed what was read: {} with it, {} without",
            cached.digest, direct.digest
        )
        .into());
    }
    report::print(flights.len(), &cached, &direct);
    cache.on();
    report::print_tally(&tally::tally(&cache, &flights).await?);
    Ok(())
}
