//! On a database that is a server: the claim is a lock that the server keeps.

use std::time::Duration;

use cache_runtime::ports::{Claim, Dialect as _, Load};
use cache_runtime::{Cache, R2d2, models};
use cache_tests::account::CREATE;
use cache_tests::modes::{fenced, through};
use cache_tests::stores::namespace;
use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::r2d2::{ConnectionManager, Pool};

use super::{Connection, Server, kill};
use crate::{in_process, refused};

type Backend = <Connection as diesel::Connection>::Backend;

// The server is asked on the test's own thread, while the cache's tasks go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_one_process_s() {
    let server = Server::with(&[CREATE]);
    let (name, store) = (namespace(), in_process());
    let first = build!(server.pool, store.clone(), name.clone(), fenced).unwrap();
    assert!(build!(server.pool, store.clone(), name.clone(), fenced).is_ok());
    refused(build!(server.pool, in_process(), name.clone(), fenced), "this process");
    let eventual = build!(server.pool, in_process(), name.clone(), through);
    assert!(eventual.is_ok(), "eventual needs no lock");
    drop(first);
    // Another process, as the server sees one. On PostgreSQL the lock is a transaction's.
    let mut other = server.establish();
    AnsiTransactionManager::begin_transaction(&mut other).unwrap();
    let Claim::Lock { take, .. } = Backend::claim(&name) else { panic!("a lock of the server") };
    let mut taken = || Load::<_, String>::rows(take.clone()).on(&mut other).unwrap() == ["true"];
    // The cache gives its own back in the background.
    for _ in 0..100 {
        if taken() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    refused(build!(server.pool, store.clone(), name.clone(), fenced), "another process");
    drop(other);
    for _ in 0..100 {
        if build!(server.pool, store.clone(), name.clone(), fenced).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the lock ends with its holder");
}

/// The claim is the repository's too: it goes on serving when its cache is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_outlives_its_cache_keeps_the_claim() {
    let (server, name) = (Server::with(&[CREATE]), namespace());
    let rows = {
        let cache = build!(server.pool, in_process(), name.clone(), fenced).unwrap();
        cache.repository::<fenced::Account>()
    };
    refused(build!(server.pool, in_process(), name.clone(), fenced), "this process");
    drop(rows);
    // The lock is given back in the background, and is waited for.
    assert!(build!(server.pool, in_process(), name, fenced).is_ok());
}

#[tokio::test]
async fn a_pool_of_one_is_too_small_for_the_lock() {
    let server = Server::with(&[CREATE]);
    let manager = ConnectionManager::<Connection>::new(server.url());
    let pool = Pool::builder().max_size(1).build(manager).unwrap();
    refused(build!(pool, in_process(), namespace(), fenced), "one more");
}

#[tokio::test]
async fn a_lost_lock_switches_the_cache_off() {
    let server = Server::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
    let name = namespace();
    let cache = build!(server.pool, in_process(), name.clone(), fenced).unwrap();
    let rows = cache.repository::<fenced::Account>();
    rows.find(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = server.statements.count();
    rows.find(1).await.unwrap();
    // The heartbeat is the only other statement.
    assert!(server.statements.since(before) <= 1, "a hit");
    server.establish().batch_execute(&kill(&name)).unwrap();
    server.execute("UPDATE accounts SET balance = 2");
    for _ in 0..100 {
        if rows.find(1).await.unwrap().unwrap().balance == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the cache goes on without its lock");
}
