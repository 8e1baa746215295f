//! The test doubles that applications use: each does what it says, also when it should fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::ports::{Database as _, Event, Transaction as _};
use cache_runtime::testing::{FailingStore, ManualClock, Operation, Recorder, TestDatabase};
use cache_runtime::{Cache, Error, ErrorKind, InProcess, R2d2, models};
use cache_tests::account::{
    Account, AccountChanges, AccountRepository, CREATE, NewAccount, accounts,
};
use cache_tests::databases::{Postgres, Sqlite};
use cache_tests::modes::fenced;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

const ROW: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";

/// A connection to a database with one account, and what keeps the database.
fn sqlite() -> (Sqlite, SqliteConnection) {
    let server = Sqlite::with(&[CREATE, ROW]);
    let connection = server.establish();
    (server, connection)
}

fn postgres() -> (Postgres, PgConnection) {
    let server = Postgres::with(&[CREATE, ROW]);
    let connection = server.establish();
    (server, connection)
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// The checks of `TestDatabase` for each kind of connection.
macro_rules! hold_connections_to_it {
    ($($name:ident: $connection:ty;)*) => {$(
        mod $name {
            use super::*;

            type Driver = TestDatabase<$connection>;

            fn balances(connection: &mut $connection) -> QueryResult<Vec<i64>> {
                accounts::table.select(accounts::balance).load(connection)
            }

            async fn cache(connection: $connection) -> Cache<Driver> {
                Cache::for_test(connection).unwrap().models(models![Account]).build().await.unwrap()
            }

            async fn balance(accounts: &AccountRepository<Driver>) -> i64 {
                accounts.find(1).await.unwrap().unwrap().balance
            }

            #[tokio::test]
            async fn the_test_sees_what_it_wrote_and_leaves_nothing() {
                let (server, connection) = super::$name();
                let cache = cache(connection).await;
                let accounts = cache.repository::<Account>();
                accounts.update(1, AccountChanges::balance(2)).await.unwrap();
                accounts.insert(NewAccount::new(2, 20)).await.unwrap();
                assert_eq!(balance(&accounts).await, 2);
                cache.database().run(|c| c.batch_execute("UPDATE accounts SET balance = 3")).await.unwrap();
                accounts.invalidate(1).await;
                assert_eq!(balance(&accounts).await, 3, "raw statements are seen too");
                drop((cache, accounts));
                settle().await;
                let balances = balances(&mut server.establish()).unwrap();
                assert_eq!(balances, [1], "nothing was committed");
            }

            #[tokio::test]
            async fn transactions_and_savepoints_commit_or_are_undone() {
                let (_server, connection) = super::$name();
                let cache = cache(connection).await;
                let accounts = cache.repository::<Account>();
                let write = async |value: i64, fails: bool| {
                    cache
                        .transaction(async |tx| {
                            let change = AccountChanges::balance(value);
                            tx.repository::<Account>().update(1, change).await?;
                            let _ = tx
                                .savepoint(async |tx| {
                                    tx.repository::<Account>().delete(1).await?;
                                    Err::<(), _>(Error::new(ErrorKind::Conflict, "undone"))
                                })
                                .await;
                            if fails { Err(Error::new(ErrorKind::Conflict, "mine")) } else { Ok(()) }
                        })
                        .await
                };
                assert_eq!(write(5, true).await.unwrap_err().to_string(), "mine");
                assert_eq!(balance(&accounts).await, 1);
                write(6, false).await.unwrap();
                assert_eq!(balance(&accounts).await, 6);
            }

            #[tokio::test]
            async fn a_statement_that_fails_spoils_nothing() {
                let (_server, connection) = super::$name();
                let cache = cache(connection).await;
                let accounts = cache.repository::<Account>();
                accounts.update(1, AccountChanges::balance(4)).await.unwrap();
                let twice = accounts.insert(NewAccount::new(1, 1)).await;
                assert_eq!(twice.unwrap_err().kind(), ErrorKind::Database);
                let raw = cache.database().run(|c| c.batch_execute("no SQL")).await;
                assert_eq!(raw.unwrap_err().kind(), ErrorKind::Database);
                let load = cache_runtime::ports::Load::<_, String>::rows("no SQL");
                let load: Result<Vec<String>, _> = cache.database().load(load).await;
                assert_eq!(load.unwrap_err().kind(), ErrorKind::Database);
                accounts.invalidate(1).await;
                assert_eq!(balance(&accounts).await, 4);
            }

            #[tokio::test]
            async fn a_read_past_an_open_transaction_is_an_error_and_not_a_deadlock() {
                let (_server, connection) = super::$name();
                let patience = Duration::from_millis(100);
                let database = TestDatabase::new(connection).unwrap().patience(patience);
                let cache = Cache::builder(database).store(InProcess::new());
                let cache = cache.models(models![Account]).build().await.unwrap();
                let accounts = cache.repository::<Account>();
                let begun = Instant::now();
                let outcome = cache
                    .transaction(async |tx| {
                        tx.repository::<Account>().update(1, AccountChanges::balance(9)).await?;
                        accounts.find(1).await
                    })
                    .await;
                let error = outcome.unwrap_err();
                assert!(begun.elapsed() < patience * 20, "{:?}", begun.elapsed());
                assert_eq!(error.kind(), ErrorKind::Pool);
                assert!(error.to_string().contains("through `tx`"), "{error}");
                assert_eq!(balance(&accounts).await, 1, "rolled back, and usable");
            }

            #[tokio::test]
            async fn a_transaction_that_is_only_slow_is_waited_for() {
                let (_server, connection) = super::$name();
                let cache = cache(connection).await;
                let other = cache.clone();
                let (begin, begun) = tokio::sync::oneshot::channel();
                let slow = tokio::spawn(async move {
                    other
                        .transaction(async |tx| {
                            let change = AccountChanges::balance(7);
                            tx.repository::<Account>().update(1, change).await?;
                            let _ = begin.send(());
                            settle().await;
                            Ok::<_, Error>(())
                        })
                        .await
                });
                begun.await.unwrap();
                assert_eq!(balance(&cache.repository::<Account>()).await, 7);
                slow.await.unwrap().unwrap();
            }

            #[tokio::test]
            async fn a_transaction_that_is_dropped_is_undone() {
                let (_server, connection) = super::$name();
                let database = TestDatabase::new(connection).unwrap();
                let mut transaction = database.begin().await.unwrap();
                transaction.execute("UPDATE accounts SET balance = 8").await.unwrap();
                transaction.save().await.unwrap();
                transaction.execute("DELETE FROM accounts").await.unwrap();
                drop(transaction);
                let rows = database.run(balances).await.unwrap();
                assert_eq!(rows, [1]);
            }

            #[tokio::test]
            async fn raw_diesel_in_a_transaction_is_seen_and_touched() {
                let (_server, connection) = super::$name();
                let cache = cache(connection).await;
                let accounts = cache.repository::<Account>();
                let raw = |value: i64| {
                    move |c: &mut $connection| {
                        let row = diesel::update(accounts::table.find(1));
                        row.set(accounts::balance.eq(value)).execute(c)
                    }
                };
                assert_eq!(balance(&accounts).await, 1);
                cache
                    .transaction(async |tx| {
                        tx.run(raw(2)).await?;
                        tx.touch::<Account>([1]).await
                    })
                    .await
                    .unwrap();
                assert_eq!(balance(&accounts).await, 2);
                cache
                    .pinned_transaction(move |tx| {
                        raw(3)(tx)?;
                        tx.touch::<Account>([1])
                    })
                    .await
                    .unwrap();
                assert_eq!(balance(&accounts).await, 3);
            }

            #[tokio::test]
            async fn a_panic_on_the_connection_leaves_it_usable() {
                let (_server, connection) = super::$name();
                let database = TestDatabase::new(connection).unwrap();
                let panicked = database
                    .run(|c| {
                        c.batch_execute("DELETE FROM accounts")?;
                        assert!(balances(c)?.len() > 5, "on purpose");
                        Ok(())
                    })
                    .await;
                assert_eq!(panicked.unwrap_err().kind(), ErrorKind::Abandoned);
                assert_eq!(database.run(balances).await.unwrap(), [1]);
            }

            #[tokio::test]
            async fn a_transaction_that_the_test_has_begun_is_used_as_it_is() {
                let (_server, mut connection) = super::$name();
                connection.begin_test_transaction().unwrap();
                connection.batch_execute("UPDATE accounts SET balance = 3").unwrap();
                let accounts = cache(connection).await.repository::<Account>();
                assert_eq!(balance(&accounts).await, 3);
            }
        }
    )*};
}

hold_connections_to_it! {
    sqlite: SqliteConnection;
    postgres: PgConnection;
}

type Sync = R2d2<SqliteConnection>;

fn open(sqlite: &Sqlite) -> cache_runtime::Builder<Sync> {
    Cache::builder(sqlite.pool.clone()).models(models![Account])
}

#[tokio::test]
async fn a_manual_clock_ends_a_ttl_when_it_is_told_to() {
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let clock = Arc::new(ManualClock::default());
    let store = InProcess::new().with_clock(clock.clone());
    let cache = open(&sqlite).store(store).clock(clock.clone()).build().await.unwrap();
    let accounts = cache.repository::<Account>();
    accounts.find(1).await.unwrap();
    settle().await;
    sqlite.execute("UPDATE accounts SET balance = 2");
    // The ttl is one second.
    clock.advance(Duration::from_millis(999));
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);
}

#[tokio::test]
async fn a_manual_clock_knows_who_sleeps() {
    use cache_runtime::ports::Clock as _;
    let clock = ManualClock::default();
    let (early, late) = (clock.sleep(Duration::from_secs(1)), clock.sleep(Duration::from_secs(2)));
    assert_eq!(clock.sleepers(), 2);
    clock.advance(Duration::from_secs(1));
    early.await;
    assert_eq!(clock.sleepers(), 1);
    drop(late);
    assert_eq!(clock.sleepers(), 0, "who gave up does not sleep");
    clock.sleep(Duration::ZERO).await;
}

#[tokio::test]
async fn a_recorder_tells_of_each_entry_and_each_statement() {
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let recorder = Recorder::default();
    let cache = Cache::builder(recorder.database(R2d2::new(sqlite.pool.clone())))
        .models(models![Account])
        .store(recorder.store(InProcess::new()))
        .telemetry(recorder.clone())
        .namespace("a namespace")
        .build()
        .await
        .unwrap();
    let accounts = cache.repository::<Account>();
    recorder.clear();
    accounts.find(1).await.unwrap();
    settle().await;
    accounts.find(1).await.unwrap();
    accounts.find(404).await.unwrap();
    settle().await;
    let row = recorder.row("accounts", 1);
    assert_eq!((row.hits, row.misses, row.fills), (1, 1, 1), "{row:?}");
    let absent = recorder.row("accounts", 404);
    assert_eq!((absent.hits, absent.misses, absent.fills), (0, 1, 1), "{absent:?}");
    assert_eq!(recorder.row("accounts", 2), Default::default());
    let statements = recorder.take_statements();
    assert_eq!(statements.len(), 2, "{statements:?}");
    assert!(
        statements[0].contains("SELECT") && statements[0].contains("binds: [1]"),
        "{statements:?}"
    );
    assert!(statements[1].contains("404"), "{statements:?}");

    accounts.update(1, AccountChanges::email("b")).await.unwrap();
    assert_eq!(recorder.row("accounts", 1).invalidations, 1);
    for email in ["a", "b"] {
        assert_eq!(recorder.unique("accounts", "email", email).invalidations, 1, "{email}");
    }
    let statements = recorder.take_statements();
    assert_eq!(statements.first().map(String::as_str), Some("BEGIN"));
    assert_eq!(statements.last().map(String::as_str), Some("COMMIT"));
    assert_eq!(recorder.count("Account", |event| matches!(event, Event::Hit)), 1);
    assert_eq!(recorder.count("Account", |event| matches!(event, Event::Invalidated(_))), 1);
    assert_eq!(recorder.count("Other", |_| true), 0);
    let told = recorder.take_events();
    assert!(told.iter().any(|told| told.to_string() == "Account in_process Loaded(1)"), "{told:?}");
    assert!(recorder.take_events().is_empty(), "taken once");
}

#[tokio::test]
async fn a_store_that_fails_costs_no_read_and_is_told_later() {
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let (store, recorder) = (FailingStore::new(InProcess::new()), Recorder::default());
    let builder = open(&sqlite).store(store.clone()).telemetry(recorder.clone());
    let accounts = builder.breaker(1000, Duration::from_millis(1)).build().await.unwrap();
    let accounts = accounts.repository::<Account>();
    accounts.find(1).await.unwrap();
    settle().await;
    store.fail();
    accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);
    let missed = |event: &Event| matches!(event, Event::InvalidationMissed(_));
    assert_eq!(recorder.count("Account", missed), 1);
    store.mend();
    let recovered = |event: &Event| matches!(event, Event::InvalidationRecovered(2));
    for _ in 0..100 {
        if recorder.count("Account", recovered) == 1 {
            return;
        }
        settle().await;
    }
    panic!("the retry never went through: {:?}", recorder.take_events());
}

#[tokio::test]
async fn a_store_fails_and_dawdles_where_it_is_told_to() {
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let (store, recorder) = (FailingStore::new(InProcess::new()), Recorder::default());
    let builder = open(&sqlite).store(store.clone()).telemetry(recorder.clone());
    let accounts = builder.build().await.unwrap().repository::<Account>();
    store.fail_on(Operation::Fill);
    accounts.find(1).await.unwrap();
    settle().await;
    let refused = |event: &Event| matches!(event, Event::FillRefused("store"));
    assert_eq!(recorder.count("Account", refused), 1);
    store.mend();
    // The lease of the fill that failed still stands; a refresh takes it over.
    accounts.refresh(1).await.unwrap();
    // A hit, which the store beneath would give without waiting.
    store.delay_on(Operation::Get, Duration::from_millis(80));
    let begun = Instant::now();
    accounts.find(1).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(80));
    store.mend();
    store.fail_on(Operation::Start);
    let error = open(&sqlite).store(store).build().await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
}

#[tokio::test]
async fn a_store_forgets_values_and_fences() {
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let store = FailingStore::new(InProcess::new());
    let cache = open(&sqlite).store(store.clone()).build().await.unwrap();
    let accounts = cache.repository::<Account>();
    accounts.find(1).await.unwrap();
    settle().await;
    sqlite.execute("UPDATE accounts SET balance = 2");
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1, "cached");
    store.forget().await.unwrap();
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);

    // A fence that nobody lifts keeps an entry from being filled, until it is forgotten.
    let (fenced_store, recorder) = (FailingStore::new(InProcess::new()), Recorder::default());
    let cache = Cache::builder(sqlite.pool.clone())
        .models(models![fenced::Account])
        .store(recorder.store(fenced_store.clone()))
        .build()
        .await
        .unwrap();
    let accounts = cache.repository::<fenced::Account>();
    fenced_store.fail_on(Operation::Lift);
    fenced_store.fail_on(Operation::Invalidate);
    let change = fenced::AccountChanges { balance: Some(3), ..Default::default() };
    let error = accounts.update(1, change).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreleased, "committed, and still fenced");
    fenced_store.forget().await.unwrap();
    fenced_store.mend();
    for _ in 0..100 {
        accounts.find(1).await.unwrap();
        settle().await;
        if recorder.row("accounts", 1).fills == 1 {
            return;
        }
    }
    panic!("still fenced: {:?}", recorder.row("accounts", 1));
}
