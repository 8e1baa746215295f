//! What `build()` refuses, and how it says so.

use cache_runtime::{Cache, Cached, ErrorKind, InProcess, Null, models};
use cache_tests::account::{Account, CREATE, Tag};
use cache_tests::databases::Sqlite;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};

mod other {
    diesel::table! {
        accounts (id) {
            id -> BigInt,
            email -> Text,
        }
    }
}

#[derive(Queryable, Cached)]
#[diesel(table_name = other::accounts)]
#[cached(pattern = "cache_aside", ttl = "1m")]
struct Login {
    id: i64,
    email: String,
}

diesel::table! {
    invoices (id) {
        id -> BigInt,
    }
}

diesel::table! {
    invoice_lines (id) {
        id -> BigInt,
        invoice -> BigInt,
    }
}

#[derive(Queryable, Cached)]
#[cached(pattern = "cache_aside", ttl = "1m", aggregate(owner = "billing", members(Line)))]
struct Invoice {
    id: i64,
}

#[derive(Queryable, Cached)]
#[diesel(table_name = invoice_lines)]
#[cached(member_of = Invoice, by = invoice, bulk = 5)]
struct Line {
    id: i64,
    invoice: i64,
}

#[tokio::test]
async fn an_aggregate_is_there_as_a_whole_or_not_at_all() {
    let (root, line) = (Invoice { id: 1 }, Line { id: 2, invoice: 1 });
    assert_eq!((root.id, line.id, line.invoice), (1, 2, 1));
    let sqlite = Sqlite::with(cache_tests::shapes::TABLES);
    let cases = [
        (models![Invoice].into(), ["`Line` is a member", "`Invoice`", "models![..]"]),
        (models![Line].into(), ["`Invoice` is the root", "`Line`", "models![..]"]),
        (models![Line, Invoice].into(), ["`Line` is a member of `Invoice`", "bulk = ..", "too"]),
    ];
    for (models, said) in cases {
        let models: Vec<cache_runtime::Registration<_>> = models;
        let built = Cache::builder(sqlite.pool.clone()).store(Null).models(models).build().await;
        let error = built.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(said.iter().all(|said| error.to_string().contains(said)), "{error}");
    }
}

#[tokio::test]
async fn a_store_has_to_be_named() {
    let sqlite = Sqlite::with(&[CREATE]);
    let built = Cache::builder(sqlite.pool.clone()).models(models![Account]).build().await;
    let error = built.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains(".store("), "{error}");
}

#[tokio::test]
async fn two_models_of_one_table_are_refused_with_both_names() {
    let sqlite = Sqlite::with(&[CREATE]);
    let login = Login { id: 1, email: "a".into() };
    assert_eq!((login.id, login.email.len()), (1, 1));
    let built = Cache::builder(sqlite.pool.clone())
        .store(Null)
        .models(models![Account, Login])
        .build()
        .await;
    let error = built.map(drop).unwrap_err().to_string();
    for part in ["Account", "Login", "accounts"] {
        assert!(error.contains(part), "{error}");
    }
    let built = Cache::builder(sqlite.pool.clone())
        .store(Null)
        .models(models![Account, Account])
        .build()
        .await;
    let error = built.map(drop).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
}

#[tokio::test]
#[should_panic(expected = "add it to the list")]
async fn a_model_that_is_not_listed_has_no_repository() {
    let sqlite = Sqlite::with(&[CREATE]);
    let cache = Cache::builder(sqlite.pool.clone())
        .store(InProcess::new())
        .models(models![Account])
        .build()
        .await
        .unwrap();
    let _ = cache.repository::<Tag>();
}

#[tokio::test]
async fn a_database_that_is_away_is_found_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no/such/folder/file.sqlite");
    let pool = Pool::builder()
        .max_size(1)
        .connection_timeout(std::time::Duration::from_millis(100))
        .build_unchecked(ConnectionManager::<SqliteConnection>::new(nowhere.to_str().unwrap()));
    let built = Cache::builder(pool).store(InProcess::new()).models(models![Account]).build().await;
    let error = built.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pool, "{error}");
}

#[tokio::test]
async fn the_null_store_keeps_nothing_and_loses_nothing() {
    let sqlite = Sqlite::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
    let cache = Cache::builder(sqlite.pool.clone())
        .store(Null)
        .models(models![Account])
        .build()
        .await
        .unwrap();
    let accounts = cache.repository::<Account>();
    for _ in 0..3 {
        let before = sqlite.statements.count();
        assert!(accounts.find(1).await.unwrap().is_some());
        assert!(accounts.find_by_email("a").await.unwrap().is_some());
        assert_eq!(sqlite.statements.since(before), 2);
    }
}

/// As under another executor than tokio's.
#[test]
fn without_a_runtime_it_says_what_to_do() {
    let sqlite = Sqlite::with(&[CREATE]);
    let build = Cache::builder(sqlite.pool.clone())
        .store(InProcess::new())
        .models(models![Account])
        .build();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(built) = std::pin::pin!(build).poll(&mut context) else {
        panic!("nothing is waited for");
    };
    let error = built.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("build_blocking"), "{error}");
}
