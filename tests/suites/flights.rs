//! Loads that go wrong from inside: a panic, a load that asks for itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use cache_runtime::ports::{BoxFuture, Database, FromRow, Load};
use cache_runtime::{Cache, ErrorKind, InProcess, R2d2, Result, models};
use cache_tests::account::{Account, AccountRepository, CREATE};
use cache_tests::databases::Sqlite;
use diesel::SqliteConnection;

/// A read through the repository that the database is asked for.
type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A database that does as it is told, once.
#[derive(Clone)]
struct Odd {
    inner: R2d2<SqliteConnection>,
    panics: Arc<AtomicBool>,
    asks: Arc<OnceLock<Ask>>,
    asked: Arc<AtomicBool>,
}

impl Database for Odd {
    type Backend = diesel::sqlite::Sqlite;
    type Transaction = <R2d2<SqliteConnection> as Database>::Transaction;

    async fn load<U: FromRow<Self::Backend>>(
        &self,
        load: Load<Self::Backend, U>,
    ) -> Result<Vec<U>> {
        tokio::task::yield_now().await;
        assert!(!self.panics.swap(false, Ordering::SeqCst), "planted");
        if self.asked.swap(false, Ordering::SeqCst)
            && let Some(ask) = self.asks.get()
        {
            ask().await?;
        }
        self.inner.load(load).await
    }

    async fn begin(&self) -> Result<Self::Transaction> {
        self.inner.begin().await
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }
}

async fn odd() -> (Sqlite, Odd, AccountRepository<Odd>) {
    let sqlite = Sqlite::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
    let odd = Odd {
        inner: R2d2::new(sqlite.pool.clone()),
        panics: Arc::default(),
        asks: Arc::default(),
        asked: Arc::default(),
    };
    let cache = Cache::builder(odd.clone())
        .store(InProcess::new())
        .models(models![Account])
        .lease_expiry(std::time::Duration::from_millis(100))
        .build()
        .await
        .unwrap();
    (sqlite, odd, cache.repository::<Account>())
}

#[tokio::test]
async fn a_load_that_panics_hands_over_to_another() {
    let (_sqlite, odd, accounts) = odd().await;
    odd.panics.store(true, Ordering::SeqCst);
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.find(1).await })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap().unwrap().is_some());
    }
    assert!(!odd.panics.load(Ordering::SeqCst), "it did panic");
}

#[tokio::test]
async fn a_load_that_asks_for_itself_is_an_error_and_not_a_deadlock() {
    let (_sqlite, odd, accounts) = odd().await;
    let same = accounts.clone();
    let ask: Ask = Box::new(move || {
        let accounts = same.clone();
        Box::pin(async move { accounts.find(1).await.map(drop) })
    });
    odd.asks.set(ask).ok().unwrap();
    odd.asked.store(true, Ordering::SeqCst);
    let error = accounts.find(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reentrant, "{error}");
    assert!(accounts.find(1).await.unwrap().is_some(), "and the next read is fine");
}
