//! 10,000 callers, released at once onto one cold key.

use std::sync::Arc;

use cache_runtime::ports::Database;
use cache_runtime::{Cache, R2d2, models};
use cache_tests::account::{Account, AccountRepository, CREATE};
use cache_tests::databases::{Postgres, Sqlite, Statements};
use cache_tests::stores::{Kind, namespace};
use diesel::prelude::*;
use tokio::sync::Barrier;

const CALLERS: usize = 10_000;
const INSERT: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";

/// Releases all callers at once.
async fn stampede<D: Database>(accounts: &AccountRepository<D>)
where
    Account: cache_runtime::ports::Statements<D::Backend>,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (accounts, barrier) = (accounts.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                accounts.find(1).await
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().unwrap().balance, 1);
    }
}

async fn cold<D: Database + Clone>(driver: D, kind: Kind) -> AccountRepository<D>
where
    Account: cache_runtime::ports::Statements<D::Backend>,
{
    let cache = Cache::builder(driver)
        .shared_store(kind.store())
        .models(models![Account])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    cache.repository::<Account>()
}

async fn rounds<D: Database + Clone>(driver: D, statements: impl Fn() -> usize)
where
    Account: cache_runtime::ports::Statements<D::Backend>,
{
    for kind in Kind::ALL {
        for round in 0..5 {
            let cancelled = round % 2 == 1;
            let accounts = cold(driver.clone(), kind).await;
            let before = statements();
            if cancelled {
                let accounts = accounts.clone();
                // The very first caller, who leads, is gone at once.
                let first = tokio::spawn(async move { accounts.find(1).await });
                tokio::task::yield_now().await;
                first.abort();
            }
            stampede(&accounts).await;
            let loads = statements() - before;
            let most = if cancelled { 2 } else { 1 };
            assert!((1..=most).contains(&loads), "{loads} loads, {kind:?}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_on_sqlite() {
    let sqlite = Sqlite::with(&[CREATE, INSERT]);
    let statements: Statements = sqlite.statements.clone();
    rounds(R2d2::new(sqlite.pool.clone()), || statements.count()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_on_postgres_as_postgres_counts() {
    let postgres = Postgres::with(&[CREATE, INSERT]);
    let executed = || {
        let mut connection = PgConnection::establish(&cache_tests::postgres_url()).unwrap();
        // Calls of the load, told from other tests' by the role of this schema's table.
        diesel::sql_query(
            "SELECT coalesce(sum(s.calls), 0)::bigint AS calls FROM pg_stat_statements s \
             WHERE s.query LIKE '%FROM \"accounts\"%' AND s.query LIKE 'SELECT%'",
        )
        .get_result::<Calls>(&mut connection)
        .unwrap()
        .calls as usize
    };
    rounds(R2d2::new(postgres.pool.clone()), executed).await;
}

#[derive(QueryableByName)]
struct Calls {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    calls: i64,
}
