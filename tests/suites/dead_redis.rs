//! A Redis that is not there, goes away, hangs, comes back.

use std::time::Duration;

use cache_runtime::{Cache, ErrorKind, R2d2, Redis, Result, models};
use cache_tests::account::{
    Account, AccountChanges, AccountRepository, CREATE, NewAccount, Tag, TagChanges, TagRepository,
};
use cache_tests::databases::{Sql as _, Sqlite};
use cache_tests::gate::{Gate, GatedStore};
use cache_tests::server::Server;
use diesel::SqliteConnection;
use std::sync::Arc;

type Driver = R2d2<SqliteConnection>;

struct Process {
    gate: Gate,
    accounts: AccountRepository<Driver>,
    tags: TagRepository<Driver>,
}

async fn process(sqlite: &Sqlite, url: &str) -> Result<Process> {
    let gate = Gate::default();
    let redis = Redis::url(url)?.response_timeout(Duration::from_millis(200));
    let cache = Cache::builder(sqlite.pool.clone())
        .store(GatedStore::new(Arc::new(redis), gate.clone()))
        .models(models![Account, Tag])
        .build()
        .await?;
    let (accounts, tags) = (cache.repository::<Account>(), cache.repository::<Tag>());
    Ok(Process { gate, accounts, tags })
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn one_that_is_not_there_is_an_error_that_says_where() {
    let sqlite = Sqlite::with(&[CREATE]);
    let mut server = Server::start(&[]);
    let url = server.url().replace("redis://", "redis://user:hunter2@");
    server.stop();
    let error = process(&sqlite, &url).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let message = error.to_string();
    let address = server.url().replace("redis://", "");
    assert!(message.contains(&address), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn one_that_is_killed_costs_no_read_and_no_write() {
    let sqlite = Sqlite::with(&[CREATE]);
    let mut server = Server::start(&[]);
    let process = process(&sqlite, &server.url()).await.unwrap();
    process.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    process.accounts.find(1).await.unwrap();
    settle().await;
    server.stop();
    for balance in 2..50 {
        process.accounts.update(1, AccountChanges::balance(balance)).await.unwrap();
        assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, balance);
    }
    // With the breaker open nothing is sent any more.
    let asked = process.gate.passed("get:before");
    for _ in 0..1000 {
        process.accounts.find(1).await.unwrap().unwrap();
    }
    let asked = process.gate.passed("get:before") - asked;
    assert!(asked < 20, "{asked} of 1000 reads still asked the dead store");

    server.restart();
    for _ in 0..200 {
        settle().await;
        let before = sqlite.statements.count();
        process.accounts.find(1).await.unwrap();
        if sqlite.statements.since(before) == 0 {
            return;
        }
    }
    panic!("the cache never came back");
}

#[tokio::test]
async fn one_that_hangs_hears_of_missed_invalidations_when_it_goes_on() {
    let sqlite = Sqlite::with(&[Sqlite::CREATE_TAGS, "INSERT INTO tags VALUES ('rust', 1)"]);
    let server = Server::start(&[]);
    let writer = process(&sqlite, &server.url()).await.unwrap();
    let reader = process(&sqlite, &server.url()).await.unwrap();
    assert_eq!(reader.tags.find("rust").await.unwrap().unwrap().uses, 1);
    settle().await;
    server.pause();
    writer.tags.update("rust", TagChanges { uses: 2 }).await.unwrap();
    assert_eq!(writer.tags.find("rust").await.unwrap().unwrap().uses, 2, "its own write");
    server.resume();
    // The ttl is ten minutes: only the retry can have done it.
    for _ in 0..100 {
        if reader.tags.find("rust").await.unwrap().unwrap().uses == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the other process still reads the old row");
}
