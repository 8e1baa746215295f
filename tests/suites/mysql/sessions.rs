//! Transactions, connections and locks, as the server sees them.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{
    Change as _, Claim, Database, Dialect, Load, Statements, Store, Transaction,
};
use cache_runtime::{Cache, ErrorKind, InProcess, Result, models};
use cache_tests::account::CREATE;
use cache_tests::databases::Mysql;
use cache_tests::modes::{fenced, through};
use cache_tests::stores::namespace;
use diesel::connection::SimpleConnection as _;
use diesel::mysql::Mysql as Backend;
use tokio::sync::Barrier;

fn balance(balance: i64) -> through::AccountChanges {
    through::AccountChanges { balance: Some(balance), ..through::AccountChanges::default() }
}

/// The server rolls the whole transaction back, not the statement, and the savepoint goes with it.
/// Whatever the application then makes of the error, nothing more may commit.
pub(crate) async fn a_deadlock_ends_the_transaction_also_in_a_savepoint<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let rows: Vec<String> = (1..100).map(|id| format!("({id}, 'e{id}', 0)")).collect();
    let server =
        Mysql::with(&[CREATE, &format!("INSERT INTO accounts VALUES {}", rows.join(", "))]);
    let cache = Cache::builder(open(&server))
        .store(InProcess::new())
        .models(models![through::Account])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    // The one that has changed less is the victim.
    let mut other = server.establish();
    other.batch_execute("START TRANSACTION; UPDATE accounts SET balance = 5 WHERE id > 1").unwrap();
    let met = Arc::new(Barrier::new(2));
    let waits = met.clone();
    let other = tokio::spawn(async move {
        waits.wait().await;
        let work = move || other.batch_execute("UPDATE accounts SET balance = 5; COMMIT");
        tokio::task::spawn_blocking(work).await.unwrap().unwrap();
    });
    let outcome: Result<()> = cache
        .transaction(async |tx| {
            tx.repository::<through::Account>().update(1, balance(9)).await?;
            met.wait().await;
            let within = async |tx: &mut cache_runtime::Tx<D>| {
                tx.repository::<through::Account>().update(2, balance(9)).await
            };
            assert_eq!(tx.savepoint(within).await.unwrap_err().kind(), ErrorKind::Database);
            for _ in 0..2 {
                let after = tx.repository::<through::Account>().update(3, balance(9)).await;
                assert_eq!(after.unwrap_err().kind(), ErrorKind::Database);
            }
            Ok(())
        })
        .await;
    other.await.unwrap();
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Database);
    for id in 1..4 {
        let row = cache.repository::<through::Account>().find_uncached(id).await.unwrap();
        assert_eq!(row.unwrap().balance, 5);
    }
}

/// At REPEATABLE READ it would show what the transaction read first.
pub(crate) async fn a_statement_sees_what_committed_before_it<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 0)"]);
    let mut transaction = open(&server).begin().await.unwrap();
    for now in 0..3 {
        server.execute(&format!("UPDATE accounts SET balance = {now}"));
        let row = Load::select(<through::Account as Statements<_>>::is(1));
        let rows: Vec<through::Account> = transaction.load(row).await.unwrap();
        assert_eq!(rows[0].balance, now);
    }
    transaction.rollback().await.unwrap();
}

/// The client knows nothing, and the server tells when nothing can come of it any more.
pub(crate) async fn a_commit_whose_connection_is_lost_is_unknown<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 0)"]);
    let driver = open(&server);
    let mut transaction = driver.begin().await.unwrap();
    let name = transaction.load::<String>(Load::rows(Backend::TRANSACTION)).await.unwrap();
    let change = balance(9).update(<through::Account as Statements<_>>::is(1));
    transaction.load::<through::Account>(change).await.unwrap();
    server.execute(&format!("KILL {}", name[0]));
    assert_eq!(transaction.commit().await.unwrap_err().kind(), ErrorKind::CommitUnknown);
    ends(&driver, &name[0]).await;
    // And the pool has another.
    let row = Load::select(<through::Account as Statements<_>>::is(1));
    let rows: Vec<through::Account> = driver.load(row).await.unwrap();
    assert_eq!(rows[0].balance, 0);
}

async fn outcome<D: Database<Backend = Backend>>(driver: &D, name: &str) -> String {
    let outcome = Load::<_, String>::rows(Backend::outcome_of(name));
    driver.load(outcome).await.unwrap().pop().unwrap()
}

async fn ends<D: Database<Backend = Backend>>(driver: &D, name: &str) {
    for _ in 0..100 {
        if outcome(driver, name).await == "aborted" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("a connection that was given up is gone");
}

pub(crate) async fn a_transaction_is_in_progress_until_its_connection_is_gone<D>(
    open: fn(&Mysql) -> D,
) where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[]);
    let driver = open(&server);
    let mut transaction = driver.begin().await.unwrap();
    let name = transaction.load::<String>(Load::rows(Backend::TRANSACTION)).await.unwrap();
    assert_eq!(outcome(&driver, &name[0]).await, "in progress");
    drop(transaction);
    ends(&driver, &name[0]).await;
}

pub(crate) async fn a_database_is_one_process_s<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[CREATE]);
    let (name, store) =
        (format!("{}'\\", namespace()), Arc::new(InProcess::new()) as Arc<dyn Store>);
    let driver = open(&server);
    let build = async || {
        let builder = Cache::builder(driver.clone()).shared_store(store.clone());
        builder.models(models![fenced::Account]).namespace(name.clone()).build().await
    };
    // Another process, as the server sees one.
    let mut other = server.establish();
    let Claim::Lock { take, .. } = Backend::claim(&name) else { panic!("a lock of the server") };
    let mut taken = || Load::<_, String>::rows(take.clone()).on(&mut other).unwrap() == ["true"];
    let first = build().await.unwrap();
    assert!(!taken());
    drop(first);
    for _ in 0..100 {
        if taken() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert!(taken(), "given back, although its connection went back to the pool");
    let refused = build().await.err().expect("it is refused");
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    drop(other);
    assert!(build().await.is_ok(), "the lock ends with its connection");
}
