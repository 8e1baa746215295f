//! The cache waited for: without a runtime, beside one, and where waiting is refused.

use std::time::Duration;

use cache_runtime::{Blocking, Cache, Error, ErrorKind, InProcess, R2d2, Result, models};
use cache_tests::account::{Account, AccountChanges, CREATE, NewAccount};
use cache_tests::databases::Sqlite;
use diesel::SqliteConnection;

type Driver = R2d2<SqliteConnection>;

fn sqlite() -> Sqlite {
    Sqlite::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"])
}

fn builder(sqlite: &Sqlite) -> cache_runtime::Builder<Driver> {
    Cache::builder(sqlite.pool.clone()).store(InProcess::new()).models(models![Account])
}

/// Reads until the cache answers: a fill is not waited for.
fn is_filled(sqlite: &Sqlite, blocking: &Blocking<Driver>) -> bool {
    let accounts = blocking.repository::<Account>();
    (0..100).any(|_| {
        let before = sqlite.statements.count();
        blocking.run(accounts.find(1)).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        sqlite.statements.since(before) == 0
    })
}

fn balance(blocking: &Blocking<Driver>) -> i64 {
    blocking.run(blocking.repository::<Account>().find(1)).unwrap().unwrap().balance
}

fn refused<T>(outcome: Result<T>) {
    let error = outcome.map(drop).expect_err("waiting here stops what is waited for");
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("spawn_blocking"), "{error}");
}

#[test]
fn without_a_runtime_everything_works_and_fills_go_on_behind() {
    let sqlite = sqlite();
    let blocking = builder(&sqlite).build_blocking().unwrap();
    let accounts = blocking.repository::<Account>();
    assert_eq!(balance(&blocking), 1);
    assert!(is_filled(&sqlite, &blocking), "nobody waits while the fill is done");
    blocking.run(accounts.update(1, AccountChanges::balance(2))).unwrap();
    assert_eq!(balance(&blocking), 2);
    let found = blocking.run(accounts.find_many([1, 404])).unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    sqlite.execute("UPDATE accounts SET balance = 3");
    blocking.wait(accounts.invalidate(1)).unwrap();
    assert_eq!(balance(&blocking), 3);
}

#[test]
fn errors_come_through() {
    let sqlite = sqlite();
    let blocking = builder(&sqlite).build_blocking().unwrap();
    let again = blocking.run(blocking.repository::<Account>().insert(NewAccount::new(1, 1)));
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Database);
    let unnamed = Cache::builder(sqlite.pool.clone()).models(models![Account]).build_blocking();
    assert_eq!(unnamed.map(drop).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn transactions_commit_or_roll_back_with_an_error_of_the_applications_own() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Poor,
        Cache(ErrorKind),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Cache(error.kind())
        }
    }

    let sqlite = sqlite();
    let blocking = builder(&sqlite).build_blocking().unwrap();
    assert!(is_filled(&sqlite, &blocking));
    let withdraw = |amount: i64| {
        blocking.run(blocking.cache().transaction(async move |tx| {
            let mut accounts = tx.repository::<Account>();
            let row = accounts.lock(1).await?.ok_or(Mine::Poor)?;
            accounts.update(1, AccountChanges::balance(row.balance - amount)).await?;
            if row.balance < amount { Err(Mine::Poor) } else { Ok(()) }
        }))
    };
    assert_eq!(withdraw(5), Err(Mine::Poor));
    assert_eq!(balance(&blocking), 1, "rolled back");
    assert_eq!(withdraw(1), Ok(()));
    assert_eq!(balance(&blocking), 0, "committed, and invalidated");
}

#[test]
fn threads_wait_at_the_same_time() {
    let sqlite = sqlite();
    let blocking = builder(&sqlite).build_blocking().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let blocking = blocking.clone();
            scope.spawn(move || (0..50).for_each(|_| assert_eq!(balance(&blocking), 1)));
        }
    });
    let drained = blocking.shutdown(Duration::from_secs(5)).unwrap();
    assert_eq!(drained.abandoned, 0);
}

#[tokio::test]
async fn inside_spawn_blocking_it_works_on_the_applications_runtime() {
    let sqlite = sqlite();
    let cache = builder(&sqlite).build().await.unwrap();
    let blocking = cache.blocking().unwrap();
    tokio::task::spawn_blocking(move || {
        assert_eq!(balance(&blocking), 1);
        assert!(is_filled(&sqlite, &blocking));
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn inside_spawn_blocking_it_can_bring_its_own() {
    let sqlite = sqlite();
    tokio::task::spawn_blocking(move || {
        let blocking = builder(&sqlite).build_blocking().unwrap();
        assert_eq!(balance(&blocking), 1);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_thread_of_an_async_application_may_wait() {
    let sqlite = sqlite();
    let blocking = builder(&sqlite).build().await.unwrap().blocking().unwrap();
    let thread = std::thread::spawn(move || balance(&blocking));
    let joined = tokio::task::spawn_blocking(|| thread.join()).await.unwrap();
    assert_eq!(joined.unwrap(), 1);
}

/// What a thread that runs tasks is told, and that it goes on unharmed.
async fn refuses() {
    let sqlite = sqlite();
    let cache = builder(&sqlite).build().await.unwrap();
    let blocking = cache.blocking().unwrap();
    let accounts = blocking.repository::<Account>();
    refused(blocking.run(accounts.update(1, AccountChanges::balance(9))));
    refused(blocking.wait(accounts.invalidate(1)));
    refused(builder(&sqlite).build_blocking());
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1, "the update never began");
    // One with a runtime of its own is refused and dropped here just so.
    let own = tokio::task::spawn_blocking(move || builder(&sqlite).build_blocking().unwrap());
    let own = own.await.unwrap();
    refused(own.run(own.repository::<Account>().find(1)));
    drop(own);
}

#[tokio::test]
async fn the_thread_of_a_current_thread_runtime_is_refused() {
    refuses().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_a_multi_thread_runtime_is_refused() {
    tokio::spawn(refuses()).await.unwrap();
    refuses().await;
}

#[test]
fn a_panic_of_the_work_is_no_refusal() {
    let sqlite = sqlite();
    let blocking = builder(&sqlite).build_blocking().unwrap();
    let panics = std::panic::AssertUnwindSafe(|| blocking.wait(async { panic!("mine") }));
    let panic = std::panic::catch_unwind(panics).map(|_: Result<()>| ()).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"mine"));
    assert_eq!(balance(&blocking), 1);
}

#[test]
fn outside_of_a_runtime_there_is_none_to_borrow() {
    let sqlite = sqlite();
    let blocking = builder(&sqlite).build_blocking().unwrap();
    let error = blocking.cache().blocking().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("build_blocking"), "{error}");
}
