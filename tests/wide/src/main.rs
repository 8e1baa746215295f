//! A model of eighty columns, cached: what the row is after an insert and an update, read as a hit
//! and read past the cache, is what Diesel itself loads.

mod row;

use cache_runtime::{Cache, InProcess, models};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use row::{Setting, TABLE, settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manager = ConnectionManager::<SqliteConnection>::new(":memory:");
    let pool = Pool::builder().max_size(1).build(manager)?;
    pool.get()?.batch_execute(TABLE)?;
    let cache = Cache::builder(pool.clone())
        .store(InProcess::new())
        .models(models![Setting])
        .build()
        .await?;
    let rows = cache.repository::<Setting>();
    let fresh = || -> Result<Setting, Box<dyn std::error::Error>> {
        Ok(settings::table.find(1).first(&mut pool.get()?)?)
    };

    rows.insert(Setting::of(1)).await?;
    assert_eq!(fresh()?, Setting::of(1));
    assert_eq!(rows.find(1).await?.as_deref(), Some(&Setting::of(1)));

    rows.update(1, Setting::of(2)).await?;
    assert_eq!(fresh()?, Setting::of(2));
    assert_eq!(rows.find(1).await?.as_deref(), Some(&Setting::of(2)));

    // Changed past the cache: only a hit still has what was put.
    diesel::delete(settings::table).execute(&mut pool.get()?)?;
    assert_eq!(rows.find(1).await?.as_deref(), Some(&Setting::of(2)));
    assert!(rows.find_uncached(1).await?.is_none());
    println!("1 passed, 0 failed");
    Ok(())
}
