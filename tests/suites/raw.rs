//! Raw Diesel beside the repositories: within a transaction of the cache, and in the
//! application's own.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Dialect as _;
use cache_runtime::{Cache, DieselAsync, Error, ErrorKind, InProcess, R2d2, Result, models};
use cache_tests::account::{CREATE, accounts};
use cache_tests::databases::{Mysql, Postgres, Sqlite};
use cache_tests::modes::{CREATE_VERSIONS, fenced_through, through, validated, versions};
use cache_tests::stores::namespace;
use diesel::prelude::*;
use diesel_async::AsyncPgConnection;

async fn settle() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

/// A cache over its own in-process store.
macro_rules! cache {
    ($driver:expr, $mode:ident) => {
        Cache::builder($driver)
            .store(InProcess::new())
            .models(models![$mode::Account])
            .namespace(namespace())
            .build()
            .await
            .unwrap()
    };
}

/// The checks of drivers that block, over the driver's own connection.
macro_rules! blocking {
    ($($name:ident: $connection:ty, $server:ty;)*) => {$(
        mod $name {
            use super::*;

            type Backend = <$connection as Connection>::Backend;

            fn server() -> $server {
                <$server>::with(&[
                    CREATE,
                    CREATE_VERSIONS,
                    Backend::CREATE_COUNTER,
                    "INSERT INTO accounts VALUES (1, 'a', 1)",
                ])
            }

            fn set(connection: &mut $connection, balance: i64) -> QueryResult<usize> {
                let row = diesel::update(accounts::table.find(1_i64));
                diesel::RunQueryDsl::execute(row.set(accounts::balance.eq(balance)), connection)
            }

            #[tokio::test]
            async fn raw_statements_in_a_transaction_are_touched() {
                let server = server();
                let cache = cache!(R2d2::new(server.pool.clone()), fenced_through);
                let rows = cache.repository::<fenced_through::Account>();
                assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 1);
                assert!(rows.find_by_email("b").await.unwrap().is_none());
                settle().await;
                cache
                    .transaction(async |tx| {
                        tx.touch::<fenced_through::Account>([1]).await?;
                        tx.run(|connection| {
                            let row = diesel::update(accounts::table.find(1_i64));
                            let change = (accounts::balance.eq(2), accounts::email.eq("b"));
                            diesel::RunQueryDsl::execute(row.set(change), connection)
                        })
                        .await?;
                        tx.touch::<fenced_through::Account>([1]).await
                    })
                    .await
                    .unwrap();
                assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 2);
                assert!(rows.find_by_email("a").await.unwrap().is_none());
                assert!(rows.find_by_email("b").await.unwrap().is_some());
            }

            #[tokio::test]
            async fn a_raw_statement_that_fails_ends_the_transaction() {
                let server = server();
                let cache = cache!(R2d2::new(server.pool.clone()), through);
                let rows = cache.repository::<through::Account>();
                let ended: Result<()> = cache
                    .transaction(async |tx| {
                        tx.run(|connection| set(connection, 2)).await?;
                        let failed = tx.run(|connection| {
                            let twice = "INSERT INTO accounts VALUES (1, 'b', 1)";
                            diesel::RunQueryDsl::execute(diesel::sql_query(twice), connection)
                        });
                        assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::Database);
                        Ok(())
                    })
                    .await;
                assert_eq!(ended.unwrap_err().kind(), ErrorKind::Database);
                assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 1);
            }

            /// The closure hides its failure, and PostgreSQL would answer COMMIT with "ROLLBACK".
            #[tokio::test]
            async fn a_hidden_failure_commits_nothing_that_the_cache_believes() {
                let server = server();
                let cache = cache!(R2d2::new(server.pool.clone()), through);
                let rows = cache.repository::<through::Account>();
                let outcome: Result<()> = cache
                    .transaction(async |tx| {
                        tx.repository::<through::Account>()
                            .update(1, through::AccountChanges {
                                balance: Some(2),
                                ..Default::default()
                            })
                            .await?;
                        tx.run(|connection| {
                            let twice = "INSERT INTO accounts VALUES (1, 'b', 1)";
                            let _ = diesel::RunQueryDsl::execute(
                                diesel::sql_query(twice),
                                connection,
                            );
                            Ok(())
                        })
                        .await
                    })
                    .await;
                let truth = rows.find_uncached(1).await.unwrap().unwrap();
                assert_eq!(outcome.is_ok(), truth.balance == 2, "{outcome:?}");
                assert_eq!(rows.find(1).await.unwrap(), Some(truth));
            }

            #[tokio::test]
            async fn a_pinned_transaction_has_the_connection_at_hand() {
                let server = server();
                let cache = cache!(R2d2::new(server.pool.clone()), validated);
                let rows = cache.repository::<validated::Account>();
                let new = validated::NewAccount { id: 7, email: "v".into(), balance: 1 };
                let first = rows.insert(new).await.unwrap();
                rows.find(7).await.unwrap();
                settle().await;
                let balance = cache
                    .pinned_transaction(|tx| {
                        let row = diesel::update(versions::table.find(7_i64));
                        let change = row.set(versions::balance.eq(2));
                        diesel::RunQueryDsl::execute(change, &mut **tx)
                            .map_err(Error::from)?;
                        tx.touch::<validated::Account>([7])?;
                        let row = versions::table.find(7_i64).select(versions::balance);
                        diesel::RunQueryDsl::first::<i64>(row, &mut **tx).map_err(Error::from)
                    })
                    .await
                    .unwrap();
                assert_eq!(balance, 2);
                let row = rows.find(7).await.unwrap().unwrap();
                assert_eq!(row.balance, 2);
                assert!(row.version > first.version, "a touched row has a new version");
                let undone: Result<()> = cache
                    .pinned_transaction(|tx| {
                        tx.touch::<validated::Account>([7])?;
                        Err(Error::new(ErrorKind::Conflict, "no"))
                    })
                    .await;
                assert_eq!(undone.unwrap_err().kind(), ErrorKind::Conflict);
                assert_eq!(rows.find_uncached(7).await.unwrap(), Some(row));
            }

            #[tokio::test]
            async fn a_transaction_of_the_applications_own_says_when_it_committed() {
                let server = server();
                let cache = Arc::new(cache!(R2d2::new(server.pool.clone()), through));
                let rows = cache.repository::<through::Account>();
                for (balance, says) in [(2, true), (3, false)] {
                    rows.find(1).await.unwrap();
                    settle().await;
                    let mut connection = server.pool.get().unwrap();
                    let touched = connection
                        .transaction(|connection| {
                            set(connection, balance).map_err(Error::from)?;
                            cache.touch::<through::Account>(connection, [1])
                        })
                        .unwrap();
                    assert_eq!(rows.find(1).await.unwrap().unwrap().balance, balance - 1);
                    if says {
                        touched.committed().await;
                    } else {
                        drop(touched);
                        settle().await;
                    }
                    assert_eq!(rows.find(1).await.unwrap().unwrap().balance, balance);
                }
                settle().await;
                let touched =
                    cache.touch::<through::Account>(&mut *server.pool.get().unwrap(), [1]);
                touched.unwrap().rolled_back();
                server.execute("UPDATE accounts SET balance = 9");
                assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 3, "still cached");
            }

            #[tokio::test]
            async fn a_strict_model_refuses_a_transaction_of_the_applications_own() {
                let server = server();
                let cache = cache!(R2d2::new(server.pool.clone()), fenced_through);
                let mut connection = server.pool.get().unwrap();
                let refused = cache.touch::<fenced_through::Account>(&mut *connection, [1]);
                let error = refused.err().unwrap();
                assert_eq!(error.kind(), ErrorKind::Configuration);
                assert!(error.to_string().contains("cache.transaction"), "{error}");
            }
        }
    )*};
}

blocking! {
    sqlite: SqliteConnection, Sqlite;
    postgres: PgConnection, Postgres;
    mysql: MysqlConnection, Mysql;
}

#[tokio::test]
async fn raw_async_statements_in_a_transaction_are_touched() {
    let postgres = Postgres::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
    let driver: DieselAsync<AsyncPgConnection> = postgres.asynchronous();
    let cache = cache!(driver, fenced_through);
    let rows = cache.repository::<fenced_through::Account>();
    assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 1);
    settle().await;
    cache
        .transaction(async |tx| {
            let row = diesel::update(accounts::table.find(1_i64)).set(accounts::balance.eq(2));
            diesel_async::RunQueryDsl::execute(row, tx.connection()?).await.map_err(Error::from)?;
            tx.touch::<fenced_through::Account>([1]).await
        })
        .await
        .unwrap();
    assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 2);
}

/// A transaction's future can be spawned.
#[tokio::test]
async fn a_transaction_is_send() {
    let sqlite = Sqlite::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
    let cache = cache!(R2d2::new(sqlite.pool.clone()), through);
    let task = tokio::spawn(async move {
        cache
            .transaction(async |tx| {
                tx.savepoint(async |tx| {
                    tx.repository::<through::Account>().find(1).await.map(|row| row.is_some())
                })
                .await
            })
            .await
    });
    assert!(task.await.unwrap().unwrap());
}
