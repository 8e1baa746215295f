//! Where `strict(fenced)` can be kept, and where `build()` refuses it.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, Error, ErrorKind, InProcess, R2d2, Redis, models};
use cache_tests::account::CREATE;
use cache_tests::databases::{Postgres, Sqlite};
use cache_tests::modes::{fenced, through};
use cache_tests::server::Server;
use cache_tests::stores::namespace;
use diesel::prelude::*;

macro_rules! build {
    ($pool:expr, $store:expr, $namespace:expr, $mode:ident) => {
        Cache::builder(R2d2::new($pool.clone()))
            .shared_store($store)
            .models(models![$mode::Account])
            .namespace($namespace)
            .build()
            .await
    };
}

fn refused<T>(built: Result<T, Error>, says: &str) {
    let error = built.err().expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains(says), "{error}");
}

fn in_process() -> Arc<dyn Store> {
    Arc::new(InProcess::new())
}

#[tokio::test]
async fn a_file_is_one_process_s_and_one_store_s() {
    let sqlite = Sqlite::with(&[CREATE]);
    let store = in_process();
    let first = build!(sqlite.pool, store.clone(), "", fenced).unwrap();
    let second = build!(sqlite.pool, store.clone(), "", fenced).unwrap();
    refused(build!(sqlite.pool, in_process(), "", fenced), "this process");
    assert!(build!(sqlite.pool, in_process(), "", through).is_ok(), "eventual needs no lock");
    drop((first, second));
    // Another process, as the lock of a file is seen by one.
    let other = File::create(format!("{}-cache-lock", sqlite.path())).unwrap();
    other.try_lock().expect("given back when the last cache went");
    refused(build!(sqlite.pool, store.clone(), "", fenced), "another process");
    drop(other);
    assert!(build!(sqlite.pool, store, "", fenced).is_ok());
}

/// The claim is the repository's too: it goes on serving when its cache is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_outlives_its_cache_keeps_the_claim() {
    let (sqlite, postgres) = (Sqlite::with(&[CREATE]), Postgres::with(&[CREATE]));
    let name = namespace();
    let rows = {
        let cache = build!(sqlite.pool, in_process(), "", fenced).unwrap();
        cache.repository::<fenced::Account>()
    };
    refused(build!(sqlite.pool, in_process(), "", fenced), "this process");
    drop(rows);
    assert!(build!(sqlite.pool, in_process(), "", fenced).is_ok());
    let rows = {
        let cache = build!(postgres.pool, in_process(), name.clone(), fenced).unwrap();
        cache.repository::<fenced::Account>()
    };
    refused(build!(postgres.pool, in_process(), name.clone(), fenced), "this process");
    drop(rows);
    // The lock is given back in the background, and is waited for.
    assert!(build!(postgres.pool, in_process(), name, fenced).is_ok());
}

#[tokio::test]
async fn a_database_in_memory_needs_no_lock() {
    let manager = diesel::r2d2::ConnectionManager::<SqliteConnection>::new(":memory:");
    let pool = diesel::r2d2::Pool::builder().max_size(1).build(manager).unwrap();
    assert!(build!(pool, in_process(), "", fenced).is_ok());
}

// The server is asked on the test's own thread, while the cache's tasks go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_s_database_is_one_process_s() {
    let postgres = Postgres::with(&[CREATE]);
    let (name, store) = (namespace(), in_process());
    let first = build!(postgres.pool, store.clone(), name.clone(), fenced).unwrap();
    assert!(build!(postgres.pool, store.clone(), name.clone(), fenced).is_ok());
    refused(build!(postgres.pool, in_process(), name.clone(), fenced), "this process");
    drop(first);
    // Another process, as the server sees one.
    let mut other = PgConnection::establish(&cache_tests::postgres_url()).unwrap();
    let lock = format!("SELECT pg_advisory_lock(hashtextextended('cache-runtime {name}', 0))");
    diesel::sql_query(lock).execute(&mut other).unwrap();
    refused(build!(postgres.pool, store.clone(), name.clone(), fenced), "another process");
    drop(other);
    for _ in 0..100 {
        if build!(postgres.pool, store.clone(), name.clone(), fenced).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the lock ends with its holder");
}

#[tokio::test]
async fn a_pool_of_one_is_too_small_for_the_lock() {
    let postgres = Postgres::with(&[CREATE]);
    let url = postgres.url();
    let manager = diesel::r2d2::ConnectionManager::<PgConnection>::new(url);
    let pool = diesel::r2d2::Pool::builder().max_size(1).build(manager).unwrap();
    refused(build!(pool, in_process(), namespace(), fenced), "one more");
}

#[tokio::test]
async fn a_lost_lock_switches_the_cache_off() {
    let postgres = Postgres::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
    let name = namespace();
    let cache = build!(postgres.pool, in_process(), name.clone(), fenced).unwrap();
    let rows = cache.repository::<fenced::Account>();
    rows.find(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = postgres.statements.count();
    rows.find(1).await.unwrap();
    // The heartbeat is the only other statement.
    assert!(postgres.statements.since(before) <= 1, "a hit");
    let mut other = PgConnection::establish(&cache_tests::postgres_url()).unwrap();
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND \
         ((classid::bigint << 32) | objid::bigint) = hashtextextended('cache-runtime {name}', 0)"
    );
    assert_eq!(diesel::sql_query(kill).execute(&mut other).unwrap(), 1);
    postgres.execute("UPDATE accounts SET balance = 2");
    for _ in 0..100 {
        if rows.find(1).await.unwrap().unwrap().balance == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the cache goes on without its lock");
}

#[tokio::test]
async fn a_server_that_may_forget_fences_is_refused_unless_that_is_accepted() {
    let sqlite = Sqlite::with(&[CREATE]);
    let evicting = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let store = || Arc::new(Redis::url(&evicting.url()).unwrap());
    refused(build!(sqlite.pool, store(), "", fenced), "noeviction");
    assert!(build!(sqlite.pool, store(), "", through).is_ok());
    let accepted = Cache::builder(sqlite.pool.clone())
        .shared_store(store())
        .models(models![fenced::Account])
        .accept_fence_loss()
        .build()
        .await;
    assert!(accepted.is_ok());
}
