//! The contract of the port `Database`, for every driver.

use std::time::Duration;

use cache_runtime::ports::{Change, Database, Insert, Statements, Write};
use cache_runtime::{DieselAsync, ErrorKind, R2d2};
use cache_tests::account::{Account, AccountChanges, CREATE, NewAccount};
use cache_tests::databases::{Postgres, Sqlite};
use diesel::{PgConnection, SqliteConnection};
use diesel_async::AsyncPgConnection;

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
                let rows = driver.load(<Account as Statements<_>>::by_keys(vec![1])).await.unwrap();
                rows.first().map(|row| row.balance)
            }

            fn update(balance: i64) -> Write<<Driver as Database>::Backend, Account> {
                Write {
                    before: Some(<Account as Statements<_>>::by_keys(vec![1])),
                    change: AccountChanges::balance(balance).update(1),
                }
            }

            #[tokio::test]
            async fn a_write_tells_what_was_and_what_is_and_is_committed() {
                let (_server, driver) = open();
                let written = driver.write(update(2)).await.unwrap();
                assert_eq!((written.before[0].balance, written.after[0].balance), (1, 2));
                assert_eq!(balance(&driver).await, Some(2));
                let change = AccountChanges::balance(3).update(1);
                let written = driver.write(Write { before: None, change }).await.unwrap();
                assert_eq!((written.before.len(), written.after[0].balance), (0, 3));
            }

            #[tokio::test]
            async fn a_refused_write_leaves_nothing_and_a_usable_pool() {
                let (_server, driver) = open();
                for _ in 0..20 {
                    let change = NewAccount { id: 2, email: "a".into(), balance: 9 }.insert();
                    let before = Some(<Account as Statements<_>>::by_keys(vec![1]));
                    let error = driver.write(Write { before, change }).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Database);
                }
                assert_eq!(balance(&driver).await, Some(1));
                let rows = driver.load(<Account as Statements<_>>::by_keys(vec![2])).await;
                assert!(rows.unwrap().is_empty());
            }

            #[tokio::test]
            async fn concurrent_writes_each_see_the_one_before() {
                let (_server, driver) = open();
                let writes: Vec<_> = (10..30)
                    .map(|balance| {
                        let driver = driver.clone();
                        tokio::spawn(async move { driver.write(update(balance)).await.unwrap() })
                    })
                    .collect();
                let mut links = Vec::new();
                for write in writes {
                    let written = write.await.unwrap();
                    links.push((written.before[0].balance, written.after[0].balance));
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
                    let write = tokio::spawn(async move { writer.write(update(1)).await.map(drop) });
                    tokio::time::sleep(Duration::from_micros(200)).await;
                    read.abort();
                    write.abort();
                }
                for _ in 0..20 {
                    assert_eq!(balance(&driver).await, Some(1));
                    driver.write(update(1)).await.unwrap();
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
                let rows = driver.load(<Account as Statements<_>>::by_keys(keys)).await.unwrap();
                assert_eq!(rows.len(), 1);
                let none = driver.load(<Account as Statements<_>>::by_keys(vec![])).await.unwrap();
                assert!(none.is_empty());
            }
        }
    )*};
}

hold_drivers_to_the_contract! {
    sqlite_r2d2: R2d2<SqliteConnection>, Sqlite, |s| R2d2::new(s.pool.clone());
    postgres_r2d2: R2d2<PgConnection>, Postgres, |s| R2d2::new(s.pool.clone());
    postgres_diesel_async: DieselAsync<AsyncPgConnection>, Postgres, Postgres::asynchronous;
}
