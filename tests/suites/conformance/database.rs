//! The contract of the port `Database`, for every driver.

use std::time::Duration;

use cache_runtime::Result;
use cache_runtime::ports::{Change, Database, Insert, Load, Statements, Transaction};
use cache_runtime::{DieselAsync, ErrorKind, R2d2};
use cache_tests::account::{Account, AccountChanges, CREATE, NewAccount};
use cache_tests::databases::{Mysql, Postgres, Sqlite};
use diesel::{MysqlConnection, PgConnection, SqliteConnection};
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection};

const ROW: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";

/// Makes the checks tests of each driver. They are written once, over the driver's own
/// backend, because `Statements` is implemented for each backend and not for all.
macro_rules! hold_drivers_to_the_contract {
    ($($name:ident: $driver:ty, $server:ty, $open:expr;)*) => {$(
        mod $name {
            use super::*;

            type Driver = $driver;

            fn open() -> ($server, Driver) {
                let server = <$server>::with(&[CREATE, ROW]);
                let open: fn(&$server) -> Driver = $open;
                let driver = open(&server);
                (server, driver)
            }

            async fn balance(driver: &Driver) -> Option<i64> {
                let rows = driver.load::<Account>(Load::select(<Account as Statements<_>>::is(1))).await.unwrap();
                rows.first().map(|row| row.balance)
            }

            /// Locks row 1, changes it, commits. Gives the balance before and after.
            async fn update(driver: &Driver, balance: i64) -> Result<(i64, i64)> {
                let mut transaction = driver.begin().await?;
                let before: Vec<Account> =
                    transaction.load(Load::select(<Account as Statements<_>>::is(1)).locking()).await?;
                let change = AccountChanges::balance(balance).update(<Account as Statements<_>>::is(1));
                let after: Vec<Account> = transaction.load(change).await?;
                transaction.commit().await?;
                Ok((before[0].balance, after[0].balance))
            }

            #[tokio::test]
            async fn a_write_tells_what_was_and_what_is_and_is_committed() {
                let (_server, driver) = open();
                assert_eq!(update(&driver, 2).await.unwrap(), (1, 2));
                assert_eq!(balance(&driver).await, Some(2));
                assert_eq!(update(&driver, 3).await.unwrap(), (2, 3));
            }

            #[tokio::test]
            async fn until_it_commits_nobody_sees_it_and_after_a_rollback_never() {
                let (_server, driver) = open();
                for commits in [false, true] {
                    let mut transaction = driver.begin().await.unwrap();
                    let change = AccountChanges::balance(9).update(<Account as Statements<_>>::is(1));
                    transaction.load::<Account>(change).await.unwrap();
                    assert_eq!(balance(&driver).await, Some(1));
                    if commits {
                        transaction.commit().await.unwrap();
                    } else {
                        transaction.rollback().await.unwrap();
                    }
                    assert_eq!(balance(&driver).await, Some(if commits { 9 } else { 1 }));
                }
            }

            #[tokio::test]
            async fn a_savepoint_keeps_or_undoes_what_came_after_it() {
                let (_server, driver) = open();
                let mut transaction = driver.begin().await.unwrap();
                let set = |balance| AccountChanges::balance(balance).update(<Account as Statements<_>>::is(1));
                transaction.load::<Account>(set(2)).await.unwrap();
                transaction.save().await.unwrap();
                transaction.load::<Account>(set(3)).await.unwrap();
                transaction.save().await.unwrap();
                transaction.load::<Account>(set(4)).await.unwrap();
                transaction.end_save(false).await.unwrap();
                transaction.end_save(true).await.unwrap();
                transaction.commit().await.unwrap();
                assert_eq!(balance(&driver).await, Some(3));
            }

            #[tokio::test]
            async fn a_failed_statement_in_a_savepoint_leaves_the_rest() {
                let (_server, driver) = open();
                let mut transaction = driver.begin().await.unwrap();
                let change = AccountChanges::balance(2).update(<Account as Statements<_>>::is(1));
                transaction.load::<Account>(change).await.unwrap();
                transaction.save().await.unwrap();
                let taken = NewAccount { id: 2, email: "a".into(), balance: 9 }.insert();
                assert!(transaction.load::<Account>(taken).await.is_err());
                transaction.end_save(false).await.unwrap();
                transaction.commit().await.unwrap();
                assert_eq!(balance(&driver).await, Some(2));
            }

            /// Its locks go with it, and not when somebody takes the connection out of the pool.
            #[tokio::test(flavor = "multi_thread")]
            async fn a_transaction_that_is_dropped_is_rolled_back_at_once() {
                let (server, driver) = open();
                let mut transaction = driver.begin().await.unwrap();
                let change = AccountChanges::balance(2).update(<Account as Statements<_>>::is(1));
                transaction.load::<Account>(change).await.unwrap();
                drop(transaction);
                let other = tokio::task::spawn_blocking(move || {
                    server.execute("UPDATE accounts SET balance = balance + 10");
                    server
                });
                let server = tokio::time::timeout(Duration::from_secs(3), other).await;
                let _server = server.expect("no lock is left").unwrap();
                assert_eq!(balance(&driver).await, Some(11));
            }

            #[tokio::test]
            async fn a_refused_write_leaves_nothing_and_a_usable_pool() {
                let (_server, driver) = open();
                for _ in 0..20 {
                    let mut transaction = driver.begin().await.unwrap();
                    let change = NewAccount { id: 2, email: "a".into(), balance: 9 }.insert();
                    let error = transaction.load::<Account>(change).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Database);
                    // Dropped, or rolled back: neither commits.
                }
                assert_eq!(balance(&driver).await, Some(1));
                let load = Load::select(<Account as Statements<_>>::is(2));
                assert!(driver.load::<Account>(load).await.unwrap().is_empty());
            }

            #[tokio::test]
            async fn concurrent_writes_each_see_the_one_before() {
                let (_server, driver) = open();
                let writes: Vec<_> = (10..30)
                    .map(|balance| {
                        let driver = driver.clone();
                        tokio::spawn(async move { update(&driver, balance).await.unwrap() })
                    })
                    .collect();
                let mut links = Vec::new();
                for write in writes {
                    links.push(write.await.unwrap());
                }
                // Locked before it is changed, no balance is the predecessor of two.
                let mut before: Vec<i64> = links.iter().map(|(before, _)| *before).collect();
                before.sort_unstable();
                before.dedup();
                assert_eq!(before.len(), links.len(), "{links:?}");
            }

            #[tokio::test]
            async fn a_dropped_future_leaves_the_pool_usable() {
                let (_server, driver) = open();
                for _ in 0..20 {
                    let (reader, writer) = (driver.clone(), driver.clone());
                    let read = tokio::spawn(async move { balance(&reader).await });
                    let write = tokio::spawn(async move { update(&writer, 1).await.map(drop) });
                    tokio::time::sleep(Duration::from_micros(200)).await;
                    read.abort();
                    write.abort();
                }
                for _ in 0..20 {
                    assert_eq!(balance(&driver).await, Some(1));
                    update(&driver, 1).await.unwrap();
                }
            }

            #[tokio::test]
            async fn a_load_sees_what_committed_before_it() {
                let (server, driver) = open();
                for balance_now in 2..30 {
                    server.execute(&format!("UPDATE accounts SET balance = {balance_now}"));
                    assert_eq!(balance(&driver).await, Some(balance_now));
                }
                driver.check().await.unwrap();
            }

            #[tokio::test]
            async fn more_keys_than_usual_are_one_statement() {
                let (_server, driver) = open();
                let keys: Vec<i64> = (1..=5_000).collect();
                let rows = driver.load::<Account>(Load::select(<Account as Statements<_>>::among(keys))).await.unwrap();
                assert_eq!(rows.len(), 1);
                let none = driver.load::<Account>(Load::select(<Account as Statements<_>>::among(vec![]))).await.unwrap();
                assert!(none.is_empty());
            }
        }
    )*};
}

hold_drivers_to_the_contract! {
    sqlite_r2d2: R2d2<SqliteConnection>, Sqlite, |s| R2d2::new(s.pool.clone());
    postgres_r2d2: R2d2<PgConnection>, Postgres, |s| R2d2::new(s.pool.clone());
    postgres_diesel_async: DieselAsync<AsyncPgConnection>, Postgres, Postgres::asynchronous;
    mysql_r2d2: R2d2<MysqlConnection>, Mysql, |s| R2d2::new(s.pool.clone());
    mysql_diesel_async: DieselAsync<AsyncMysqlConnection>, Mysql, Mysql::asynchronous;
}

/// tokio's blocking threads are few here, and all who wait for a connection would take them.
#[test]
fn those_who_wait_for_a_connection_leave_transactions_their_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let pool = diesel::r2d2::Pool::builder()
        .max_size(1)
        .build(diesel::r2d2::ConnectionManager::<SqliteConnection>::new(sqlite.path()))
        .unwrap();
    let driver = R2d2::new(pool);
    runtime.block_on(async {
        let writes: Vec<_> = (0..16)
            .map(|balance| {
                let driver = driver.clone();
                tokio::spawn(async move {
                    let mut transaction = driver.begin().await?;
                    for _ in 0..3 {
                        let row = <Account as Statements<_>>::is(1);
                        let change = AccountChanges::balance(balance).update(row);
                        transaction.load::<Account>(change).await?;
                    }
                    transaction.commit().await
                })
            })
            .collect();
        let all = async {
            for write in writes {
                write.await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("they come to an end");
    });
}

/// Whoever holds the last connection and asks for another is told, and does not wait for ever.
#[tokio::test]
async fn a_pool_that_gives_no_connection_says_so_in_its_own_time() {
    let sqlite = Sqlite::with(&[CREATE, ROW]);
    let pool = diesel::r2d2::Pool::builder()
        .max_size(1)
        .connection_timeout(Duration::from_millis(300))
        .build(diesel::r2d2::ConnectionManager::<SqliteConnection>::new(sqlite.path()))
        .unwrap();
    let driver = R2d2::new(pool);
    let _held = driver.begin().await.unwrap();
    let load = Load::select(<Account as Statements<_>>::is(1));
    let waiting = tokio::time::timeout(Duration::from_secs(5), driver.load::<Account>(load));
    let error = waiting.await.expect("it does not wait for ever").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pool);
}
