//! Transactions, connections and locks, as the server sees them.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Claim, Database, Dialect, Load, Store, Transaction};
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

pub(crate) async fn a_transaction_is_in_progress_until_its_connection_is_gone<D>(
    open: fn(&Mysql) -> D,
) where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[]);
    let driver = open(&server);
    let mut transaction = driver.begin().await.unwrap();
    let name = transaction.load::<String>(Load::plain(Backend::TRANSACTION)).await.unwrap();
    let outcome = async || {
        let outcome = Load::<_, String>::plain(Backend::outcome_of(&name[0]));
        driver.load(outcome).await.unwrap().pop().unwrap()
    };
    assert_eq!(outcome().await, "in progress");
    drop(transaction);
    for _ in 0..100 {
        if outcome().await == "aborted" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("a connection that was given up is gone");
}

pub(crate) async fn a_database_is_one_process_s<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[CREATE]);
    let (name, store) = (namespace(), Arc::new(InProcess::new()) as Arc<dyn Store>);
    let driver = open(&server);
    let build = async || {
        let builder = Cache::builder(driver.clone()).shared_store(store.clone());
        builder.models(models![fenced::Account]).namespace(name.clone()).build().await
    };
    // Another process, as the server sees one.
    let mut other = server.establish();
    let Claim::Lock { take, .. } = Backend::claim(&name) else { panic!("a lock of the server") };
    let mut taken = || Load::<_, String>::plain(take.clone()).on(&mut other).unwrap() == ["true"];
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
