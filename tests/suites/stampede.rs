//! 10,000 callers, released at once onto one cold key.
//!
//! Loads are counted at the database: by SQLite's own connection, by PostgreSQL's
//! `pg_stat_statements`, and by what MariaDB tells of its work.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Database, Statements};
use cache_runtime::{Cache, InProcess, R2d2, Redis, models};
use cache_tests::databases::{Mysql, Postgres, Sqlite};
use cache_tests::models::carrier::{Carrier, CarrierRepository, SQL};
use cache_tests::stores::{Kind, namespace};
use cache_tests::{mysql_url, postgres_url, redis_url};
use diesel::prelude::*;
use tokio::sync::Barrier;

const CALLERS: usize = 10_000;
/// In one of so many rounds the leader is cancelled.
const ROUNDS: usize = 100;
const INSERT: &str = "INSERT INTO carriers VALUES ('UA', 'United', 1)";

/// A cache that has seen nothing yet.
async fn cold<D: Database>(driver: &D, kind: Kind) -> CarrierRepository<D>
where
    Carrier: Statements<D::Backend>,
{
    let builder = Cache::builder(driver.clone()).models(models![Carrier]).namespace(namespace());
    let builder = match kind {
        Kind::InProcess => builder.store(InProcess::new()),
        // Without optimisation the client needs its time for 10,000 answers.
        Kind::Redis => builder
            .store(Redis::url(&redis_url()).unwrap().response_timeout(Duration::from_secs(10))),
    };
    builder.build().await.unwrap().repository::<Carrier>()
}

async fn stampede<D: Database>(carriers: &CarrierRepository<D>)
where
    Carrier: Statements<D::Backend>,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (carriers, barrier) = (carriers.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                carriers.find("UA").await
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().unwrap().name(), "United");
    }
}

async fn rounds<D: Database>(driver: D, kind: Kind, rounds: usize, loads: impl Fn() -> usize)
where
    Carrier: Statements<D::Backend>,
{
    for round in 0..rounds {
        let cancelled = round == rounds / 2;
        let carriers = cold(&driver, kind).await;
        let before = loads();
        if cancelled {
            // The very first caller, whose load it is, is gone at once.
            let carriers = carriers.clone();
            let first = tokio::spawn(async move { carriers.find("UA").await });
            tokio::task::yield_now().await;
            first.abort();
        }
        stampede(&carriers).await;
        let loads = loads() - before;
        let most = 1 + usize::from(cancelled);
        assert!((1..=most).contains(&loads), "{loads} loads in round {round} on {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_on_sqlite_in_process() {
    let sqlite = Sqlite::with(&[SQL.sqlite.unwrap(), INSERT]);
    let statements = sqlite.statements.clone();
    let driver = R2d2::new(sqlite.pool.clone());
    rounds(driver, Kind::InProcess, ROUNDS, || statements.count()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_on_postgres_and_redis_as_postgres_counts() {
    let postgres = Postgres::with(&[SQL.postgres, INSERT]);
    let executed = || {
        let mut connection = PgConnection::establish(&postgres_url()).unwrap();
        let calls = diesel::sql_query(
            "SELECT coalesce(sum(calls), 0)::bigint AS calls FROM pg_stat_statements \
             WHERE query LIKE 'SELECT%FROM \"carriers\"%'",
        )
        .get_result::<Calls>(&mut connection);
        usize::try_from(calls.unwrap().calls).unwrap()
    };
    rounds(R2d2::new(postgres.pool.clone()), Kind::Redis, ROUNDS / 10, executed).await;
}

/// The whole server's SELECTs: nobody else asks it while this suite runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_load_on_mariadb_and_redis_as_mariadb_counts() {
    let mariadb = Mysql::with(&[SQL.mysql.unwrap(), INSERT]);
    let executed = || {
        let mut connection = MysqlConnection::establish(&mysql_url()).unwrap();
        let calls = diesel::sql_query("SHOW GLOBAL STATUS LIKE 'Com_select'")
            .get_result::<Status>(&mut connection);
        calls.unwrap().value.parse().unwrap()
    };
    rounds(R2d2::new(mariadb.pool.clone()), Kind::Redis, ROUNDS / 10, executed).await;
}

#[derive(QueryableByName)]
struct Status {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = Value)]
    value: String,
}

#[derive(QueryableByName)]
struct Calls {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    calls: i64,
}
