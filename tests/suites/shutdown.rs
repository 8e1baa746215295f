//! What a cache that is shut down finishes, waits for and gives up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, Drained, InProcess, R2d2, models};
use cache_tests::account::{Account, AccountChanges, CREATE, NewAccount};
use cache_tests::databases::Sqlite;
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use diesel::SqliteConnection;

const SOON: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(10);

struct World {
    sqlite: Sqlite,
    gate: Gate,
    cache: Cache<GatedDatabase<R2d2<SqliteConnection>>>,
}

async fn world() -> World {
    let sqlite = Sqlite::with(&[CREATE]);
    for id in 1..=5 {
        sqlite.execute(&format!("INSERT INTO accounts VALUES ({id}, 'e{id}', {id})"));
    }
    let gate = Gate::default();
    let database = GatedDatabase::new(R2d2::new(sqlite.pool.clone()), gate.clone());
    let cache = Cache::builder(database)
        .store(GatedStore::new(Arc::new(InProcess::new()), gate.clone()))
        .models(models![Account])
        .build()
        .await
        .unwrap();
    World { sqlite, gate, cache }
}

fn counts(drained: &Drained) -> (u32, u32) {
    (drained.drained, drained.abandoned)
}

/// The deadline came, and was kept.
fn at_the_deadline(begun: Instant) {
    let took = begun.elapsed();
    assert!(took >= SOON && took < SOON * 10, "{took:?}");
}

#[tokio::test]
async fn where_nothing_is_under_way_there_is_nothing_to_wait_for() {
    let world = world().await;
    world.cache.repository::<Account>().find(1).await.unwrap();
    // The fill of that read may still be on its way.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (0, 0));
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (0, 0), "and again");
    assert!(begun.elapsed() < LONG);
}

#[tokio::test]
async fn a_fill_that_is_held_is_abandoned_at_the_deadline() {
    let world = world().await;
    let fill = world.gate.hold("fill:before");
    world.cache.repository::<Account>().find_many([1, 2]).await.unwrap();
    assert!(fill.reached().await);
    let begun = Instant::now();
    assert_eq!(counts(&world.cache.shutdown(SOON).await), (0, 2), "two entries, one load");
    at_the_deadline(begun);
    fill.open();
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (2, 0), "it went on behind");
}

#[tokio::test]
async fn a_fill_that_ends_in_time_is_drained() {
    let world = world().await;
    let fill = world.gate.hold("fill:before");
    world.cache.repository::<Account>().find(1).await.unwrap();
    assert!(fill.reached().await);
    let (cache, begun) = (world.cache.clone(), Instant::now());
    let shutdown = tokio::spawn(async move { cache.shutdown(LONG).await });
    tokio::time::sleep(SOON).await;
    assert!(!shutdown.is_finished(), "the fill is still held");
    fill.open();
    assert_eq!(counts(&shutdown.await.unwrap()), (1, 0));
    assert!(begun.elapsed() < LONG, "the deadline was not waited for");
    assert_eq!(world.gate.passed("fill:after"), 1);
}

#[tokio::test]
async fn a_load_and_a_commit_are_waited_for() {
    let world = world().await;
    let accounts = world.cache.repository::<Account>();
    let (load, commit) = (world.gate.hold("load:before"), world.gate.hold("commit:before"));
    let reader = accounts.clone();
    let read = tokio::spawn(async move { reader.find(1).await });
    let write = tokio::spawn(async move { accounts.update(2, AccountChanges::balance(9)).await });
    assert!(load.reached().await && commit.reached().await);
    let begun = Instant::now();
    assert_eq!(counts(&world.cache.shutdown(SOON).await), (0, 2));
    at_the_deadline(begun);
    load.open();
    commit.open();
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (2, 0));
    assert_eq!(read.await.unwrap().unwrap().unwrap().balance, 1);
    assert_eq!(write.await.unwrap().unwrap().unwrap().balance, 9);
}

#[tokio::test]
async fn an_open_transaction_is_waited_for() {
    let world = world().await;
    let (cache, (end, ended)) = (world.cache.clone(), tokio::sync::oneshot::channel::<()>());
    let (begin, begun) = tokio::sync::oneshot::channel::<()>();
    let transaction = tokio::spawn(async move {
        cache
            .transaction(async |tx| {
                tx.repository::<Account>().update(1, AccountChanges::balance(8)).await?;
                let _ = begin.send(());
                let _ = ended.await;
                Ok::<_, cache_runtime::Error>(())
            })
            .await
    });
    begun.await.unwrap();
    assert_eq!(counts(&world.cache.shutdown(SOON).await), (0, 1));
    end.send(()).unwrap();
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (1, 0));
    transaction.await.unwrap().unwrap();
}

#[tokio::test]
async fn invalidations_that_a_dead_store_missed_are_each_abandoned() {
    let world = world().await;
    let accounts = world.cache.repository::<Account>();
    world.gate.fail("invalidate:before");
    for id in 1..=3 {
        accounts.update(id, AccountChanges::balance(7)).await.unwrap();
    }
    let begun = Instant::now();
    // Each row's entry, and that of its email.
    assert_eq!(counts(&world.cache.shutdown(SOON).await), (0, 6));
    at_the_deadline(begun);
    world.gate.mend("invalidate:before");
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (6, 0), "the retry went through");
}

#[tokio::test]
async fn afterwards_reads_bypass_for_good_and_writes_still_invalidate() {
    let world = world().await;
    let accounts = world.cache.repository::<Account>();
    accounts.find(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (0, 0));
    world.cache.on();
    world.cache.on_for::<Account>();
    world.gate.start_counting();
    world.sqlite.execute("UPDATE accounts SET balance = 5 WHERE id = 1");
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 5, "from the database");
    assert_eq!(accounts.find_many([1]).await.unwrap()[0].as_ref().unwrap().balance, 5);
    assert!(accounts.find_by_email("e2").await.unwrap().is_some());
    assert_eq!(accounts.refresh(1).await.unwrap().unwrap().balance, 5);
    for operation in ["get:before", "lease:before", "fill:before"] {
        assert_eq!(world.gate.passed(operation), 0, "{operation}");
    }
    accounts.update(1, AccountChanges::balance(6)).await.unwrap();
    accounts.insert(NewAccount::new(9, 1)).await.unwrap();
    assert_eq!(world.gate.passed("invalidate:after"), 2, "before the write was answered");
    assert_eq!(counts(&world.cache.shutdown(LONG).await), (0, 0));
}
