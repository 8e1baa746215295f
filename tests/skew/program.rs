//! What both programs do: start over Redis and the database of their first argument, in the namespace
//! of the second; then what a line of their input says, with a line of output for each.

/// `$program` has the model; `$list` gives the length of its list, where it has one.
macro_rules! run {
    ($program:path, $list:expr) => {{
        let url = std::env::args().nth(1).unwrap();
        if url.starts_with("postgres") {
            crate::program::run!(@on diesel::PgConnection, "", url, $program, $list);
        } else if url.starts_with("mysql") {
            crate::program::run!(@on diesel::MysqlConnection, "", url, $program, $list);
        } else {
            let each = "PRAGMA busy_timeout = 5000";
            crate::program::run!(@on diesel::SqliteConnection, each, url, $program, $list);
        }
    }};
    (@on $connection:ty, $each:expr, $url:expr, $program:path, $list:expr) => {{
        use std::io::BufRead as _;
        use std::time::Duration;

        use $program as program;
        use cache_runtime::{Cache, Redis, models};
        use diesel::connection::SimpleConnection as _;
        use diesel::r2d2::{ConnectionManager, Pool};

        let namespace = std::env::args().nth(2).unwrap();
        let pool = Pool::builder()
            .max_size(3)
            .build(ConnectionManager::<$connection>::new($url.as_str()))
            .unwrap();
        let mut all: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
        for connection in all.iter_mut().filter(|_| !$each.is_empty()) {
            connection.batch_execute($each).unwrap();
        }
        drop(all);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let cache = Cache::builder(pool)
            .store(Redis::url(&cache_tests::redis_url()).unwrap())
            .models(models![program::Account])
            .namespace(namespace)
            .register_contracts()
            .contract_lease(Duration::from_secs(3));
        let cache = runtime.block_on(cache.build()).unwrap();
        let rows = cache.repository::<program::Account>();
        println!("started");
        for line in std::io::stdin().lock().lines() {
            let line = line.unwrap();
            match line.split_once(' ') {
                Some(("add", id)) => {
                    let new = program::NewAccount::new(id.parse().unwrap(), 5);
                    match runtime.block_on(rows.insert(new)) {
                        Ok(_) => println!("added"),
                        Err(error) => println!("{:?}", error.kind()),
                    }
                }
                _ if line == "list" => println!("{:?}", $list(&runtime, &rows)),
                _ if line == "withheld" => println!("{}", cache.withheld().len()),
                _ => break,
            }
        }
        let _drained = runtime.block_on(cache.shutdown(Duration::from_secs(3)));
        println!("ended");
    }};
}

pub(crate) use run;
