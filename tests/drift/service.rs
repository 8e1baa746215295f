//! What both services do: start, say how it went, and end.

/// `$model` is the service's; the namespace and what to do on drift are the first two arguments.
macro_rules! run {
    ($model:ty, $name:literal) => {{
        use cache_runtime::{Cache, Drift, Redis, models};
        let arguments: Vec<String> = std::env::args().collect();
        let drift = if arguments[2] == "refuse" { Drift::Refuse } else { Drift::Warn };
        let sqlite = cache_tests::databases::Sqlite::with(&[cache_tests::account::CREATE]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let cache = Cache::builder(sqlite.pool.clone())
            .store(Redis::url(&cache_tests::redis_url()).unwrap())
            .models(models![$model])
            .namespace(&arguments[1])
            .service($name)
            .on_drift(drift);
        match runtime.block_on(cache.build()) {
            Ok(cache) => {
                println!("started");
                cache.drifts().iter().for_each(|drift| println!("{drift}"));
            }
            Err(error) => println!("{error}"),
        }
    }};
}

pub(crate) use run;
