//! A small application and its tests, on the doubles of `cache_runtime::testing`.
//!
//! `cargo run --example testing` runs them; in an application, each is a `#[tokio::test]`.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::testing::{FailingStore, ManualClock, Recorder, TestDatabase};
use cache_runtime::{Builder, Cache, InProcess, models};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use app::{Account, Bank, Refusal};

/// The application. It is generic over the database, so that its tests can bring another.
mod app {
    use cache_runtime::ports::Database;
    use cache_runtime::{Cache, Cached, Error};
    use diesel::prelude::*;
    use diesel::sqlite::Sqlite;

    diesel::table! {
        accounts (id) {
            id -> BigInt,
            balance -> BigInt,
        }
    }

    #[derive(Queryable, Cached)]
    #[diesel(table_name = accounts)]
    #[cached(pattern = "cache_aside", ttl = "10m", negative_ttl = "30s", changeset = Balance)]
    pub struct Account {
        pub id: i64,
        pub balance: i64,
    }

    #[derive(AsChangeset)]
    #[diesel(table_name = accounts)]
    pub struct Balance {
        balance: i64,
    }

    /// Why a transfer did not happen.
    #[derive(Debug)]
    pub enum Refusal {
        NoAccount(i64),
        TooPoor,
        Failed(Error),
    }

    impl std::fmt::Display for Refusal {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::NoAccount(id) => write!(f, "there is no account {id}"),
                Self::TooPoor => write!(f, "the account does not hold as much"),
                Self::Failed(error) => write!(f, "try again later: {error}"),
            }
        }
    }

    impl std::error::Error for Refusal {}

    impl From<Error> for Refusal {
        fn from(error: Error) -> Self {
            Self::Failed(error)
        }
    }

    pub struct Bank<D: Database>(pub Cache<D>);

    impl<D: Database<Backend = Sqlite>> Bank<D> {
        pub async fn balance(&self, id: i64) -> Result<i64, Refusal> {
            let row = self.0.repository::<Account>().find(id).await?;
            row.map(|row| row.balance).ok_or(Refusal::NoAccount(id))
        }

        pub async fn transfer(&self, from: i64, to: i64, amount: i64) -> Result<(), Refusal> {
            self.0
                .transaction(async |tx| {
                    let mut accounts = tx.repository::<Account>();
                    for (id, change) in [(to, amount), (from, -amount)] {
                        let row = accounts.lock(id).await?.ok_or(Refusal::NoAccount(id))?;
                        let balance = row.balance + change;
                        accounts.update(id, Balance { balance }).await?;
                        if balance < 0 {
                            return Err(Refusal::TooPoor);
                        }
                    }
                    Ok(())
                })
                .await
        }
    }
}

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A database with two accounts, for one test alone.
fn database() -> Result<TestDatabase<SqliteConnection>, Box<dyn std::error::Error>> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    connection.batch_execute(
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL);
         INSERT INTO accounts VALUES (1, 10), (2, 0);",
    )?;
    Ok(TestDatabase::new(connection)?)
}

fn cache() -> Result<Builder<TestDatabase<SqliteConnection>>, Box<dyn std::error::Error>> {
    Ok(Cache::builder(database()?).models(models![Account]))
}

async fn a_transfer_moves_money_or_nothing() -> TestResult {
    let bank = Bank(cache()?.store(InProcess::new()).build().await?);
    bank.transfer(1, 2, 4).await?;
    assert!(matches!(bank.transfer(1, 2, 7).await, Err(Refusal::TooPoor)));
    assert!(matches!(bank.transfer(3, 2, 7).await, Err(Refusal::NoAccount(3))));
    assert!(matches!(bank.balance(1).await, Ok(6)));
    assert!(matches!(bank.balance(2).await, Ok(4)));
    Ok(())
}

async fn a_balance_is_read_once() -> TestResult {
    let recorder = Recorder::default();
    let cache = Cache::builder(recorder.database(database()?))
        .store(recorder.store(InProcess::new()))
        .models(models![Account])
        .build()
        .await?;
    let bank = Bank(cache);
    recorder.clear();
    while recorder.row("accounts", 1).hits == 0 {
        assert!(matches!(bank.balance(1).await, Ok(10)));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(recorder.row("accounts", 1).fills, 1);
    recorder.take_statements();
    assert!(matches!(bank.balance(1).await, Ok(10)));
    assert_eq!(recorder.take_statements(), [""; 0], "a hit asks no database");
    Ok(())
}

async fn a_change_past_the_cache_is_seen_after_the_ttl() -> TestResult {
    let (clock, recorder) = (Arc::new(ManualClock::default()), Recorder::default());
    let store = recorder.store(InProcess::new().with_clock(clock.clone()));
    let bank = Bank(cache()?.store(store).clock(clock.clone()).build().await?);
    while recorder.row("accounts", 1).hits == 0 {
        assert!(matches!(bank.balance(1).await, Ok(10)));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let change = "UPDATE accounts SET balance = 11 WHERE id = 1";
    bank.0.database().run(|connection| connection.batch_execute(change)).await?;
    assert!(matches!(bank.balance(1).await, Ok(10)), "the cache knows nothing of it");
    clock.advance(Duration::from_secs(600));
    assert!(matches!(bank.balance(1).await, Ok(11)));
    Ok(())
}

async fn without_the_store_the_bank_goes_on() -> TestResult {
    let store = FailingStore::new(InProcess::new());
    let bank = Bank(cache()?.store(store.clone()).build().await?);
    assert!(matches!(bank.balance(1).await, Ok(10)));
    store.fail();
    bank.transfer(1, 2, 4).await?;
    assert!(matches!(bank.balance(1).await, Ok(6)));
    let drained = bank.0.shutdown(Duration::from_millis(50)).await;
    assert_eq!(drained.abandoned, 2, "the entries of both accounts are still to be removed");
    Ok(())
}

#[tokio::main]
async fn main() -> TestResult {
    a_transfer_moves_money_or_nothing().await?;
    a_balance_is_read_once().await?;
    a_change_past_the_cache_is_seen_after_the_ttl().await?;
    without_the_store_the_bank_goes_on().await?;
    println!("4 tests of the bank passed");
    Ok(())
}
