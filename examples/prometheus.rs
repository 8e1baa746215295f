//! The cache's numbers as Prometheus text.
//!
//! The recorder is installed before the cache is built: counters of the hit path are looked
//! up once, at `build()`.

use cache_runtime::{Cache, Cached, InProcess, models};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use metrics_exporter_prometheus::PrometheusBuilder;

diesel::table! {
    settings (name) {
        name -> Text,
        value -> Text,
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = settings, primary_key(name))]
#[cached(pattern = "cache_aside", ttl = "1m", negative_ttl = "10s")]
struct Setting {
    name: String,
    value: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prometheus = PrometheusBuilder::new().install_recorder()?;

    let pool = Pool::builder()
        .max_size(1)
        .build(ConnectionManager::<SqliteConnection>::new(":memory:"))?;
    pool.get()?.batch_execute(
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
         INSERT INTO settings VALUES ('theme', 'dark');",
    )?;

    let cache =
        Cache::builder(pool).store(InProcess::new()).models(models![Setting]).build().await?;
    let settings = cache.repository::<Setting>();
    for _ in 0..3 {
        if let Some(setting) = settings.find("theme").await? {
            println!("# {} = {}", setting.name, setting.value);
        }
        settings.find("absent").await?;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    println!("{}", prometheus.render());
    Ok(())
}
