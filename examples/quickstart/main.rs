//! January's flights from New York, resolved through cached repositories.
//!
//! Loads airlines, airports and planes into a database, replays 27,004 flights in
//! order, looks up the carrier, plane, origin and destination of each, first through the
//! cache and then without it, and checks that both saw the same rows.
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

use std::error::Error;

use cache_runtime::ports::Statements;
use cache_runtime::{Cache, Database, IntoDatabase, Redis, models};
use clap::Parser;
use diesel::r2d2::{ConnectionManager, Pool};

use crate::counted::{Counted, Counters};
use crate::load::ReferenceData;
use crate::models::{Airline, Airport, Plane};

#[derive(Parser)]
#[command(about = "Replays January's flights through cached repositories, and without")]
struct Options {
    /// A PostgreSQL or MySQL URL; the tables airlines, airports and planes are replaced. A
    /// SQLite file in a temporary folder by default.
    #[arg(long)]
    database: Option<String>,
    /// A Redis URL; a store in this process by default.
    #[arg(long)]
    redis: Option<String>,
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
    let pool = Pool::builder().test_on_check_out(false).build(ConnectionManager::<C>::new(url))?;
    pool.get()?.load_reference_data()?;
    Ok(pool)
}

async fn run<P: IntoDatabase>(pool: P, options: &Options) -> Result<(), Box<dyn Error>>
where
    Airline: Statements<<P::Database as Database>::Backend>,
    Airport: Statements<<P::Database as Database>::Backend>,
    Plane: Statements<<P::Database as Database>::Backend>,
{
    let counters = Counters::default();
    let database = Counted::new(pool.into_database(), counters.clone());
    let builder = Cache::builder(database)
        .models(models![Plane, Airport, Airline])
        .namespace(format!("quickstart-{}", std::process::id()))
        .telemetry(counters.clone());
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
    Ok(())
}
