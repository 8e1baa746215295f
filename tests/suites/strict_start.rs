//! Where `strict(fenced)` can be kept, and where `build()` refuses it.

#![expect(clippy::duplicate_mod, reason = "the tests of servers are compiled once for each")]

use std::fs::File;
use std::sync::Arc;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, Error, ErrorKind, InProcess, R2d2, Redis, models};
use cache_tests::account::CREATE;
use cache_tests::databases::Sqlite;
use cache_tests::modes::{fenced, through};
use cache_tests::server::Server;
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

#[path = "strict_start"]
mod postgres {
    mod server;

    use cache_tests::databases::Postgres as Server;
    use diesel::PgConnection as Connection;

    /// Ends the connection that holds the claim.
    fn kill(namespace: &str) -> String {
        format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND \
             ((classid::bigint << 32) | objid::bigint) = \
             hashtextextended('cache-runtime {namespace}', 0)"
        )
    }
}

#[path = "strict_start"]
mod mariadb {
    mod server;

    use cache_tests::databases::Mysql as Server;
    use diesel::MysqlConnection as Connection;

    /// Ends the connection that holds the claim.
    fn kill(namespace: &str) -> String {
        format!(
            "EXECUTE IMMEDIATE CONCAT('KILL ', IS_USED_LOCK(CONCAT('cache-runtime ', \
             SHA1(CONCAT(DATABASE(), ' ', '{namespace}')))))"
        )
    }
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
#[tokio::test]
async fn a_repository_that_outlives_its_cache_keeps_the_claim() {
    let sqlite = Sqlite::with(&[CREATE]);
    let rows = {
        let cache = build!(sqlite.pool, in_process(), "", fenced).unwrap();
        cache.repository::<fenced::Account>()
    };
    refused(build!(sqlite.pool, in_process(), "", fenced), "this process");
    drop(rows);
    assert!(build!(sqlite.pool, in_process(), "", fenced).is_ok());
}

#[tokio::test]
async fn a_database_in_memory_needs_no_lock() {
    let manager = diesel::r2d2::ConnectionManager::<SqliteConnection>::new(":memory:");
    let pool = diesel::r2d2::Pool::builder().max_size(1).build(manager).unwrap();
    assert!(build!(pool, in_process(), "", fenced).is_ok());
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
