//! Two programs with different policies over one Redis: the second is told, or does not start.

use std::process::Command;

use cache_runtime::testing::assert_contracts;
use cache_runtime::{Cache, Drift, InProcess, Redis, models};
use cache_tests::account::{Account, CREATE};
use cache_tests::databases::Sqlite;
use cache_tests::redis_url;
use cache_tests::shapes::TABLES;
use cache_tests::shapes::baskets::{Basket, BasketItem};
use cache_tests::shapes::posts::{Author, Post, Shown};
use cache_tests::stores::namespace;

/// What a program says of its start.
fn start(program: &str, namespace: &str, on_drift: &str) -> String {
    let output = Command::new(program).args([namespace, on_drift]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const CATALOGUE: &str = env!("CARGO_BIN_EXE_catalogue");
const CHECKOUT: &str = env!("CARGO_BIN_EXE_checkout");

const DRIFT: &str = "Account: `checkout` reads cache_aside, eventual, ttl 1m, absence not kept; \
                     `catalogue` reads cache_aside, eventual, ttl 10m, absence not kept";

#[test]
fn the_second_is_told() {
    let namespace = namespace();
    assert_eq!(start(CATALOGUE, &namespace, "warn"), "started\n");
    assert_eq!(start(CHECKOUT, &namespace, "warn"), format!("started\n{DRIFT}\n"));
    assert_eq!(start(CHECKOUT, &cache_tests::stores::namespace(), "warn"), "started\n");
}

#[test]
fn the_second_does_not_start_and_leaves_no_trace() {
    let namespace = namespace();
    assert_eq!(start(CATALOGUE, &namespace, "refuse"), "started\n");
    assert_eq!(start(CATALOGUE, &namespace, "refuse"), "started\n", "it agrees with itself");
    let refused = start(CHECKOUT, &namespace, "refuse");
    assert!(refused.contains(DRIFT) && refused.contains("on_drift(Drift::Warn)"), "{refused}");
    assert_eq!(start(CATALOGUE, &namespace, "refuse"), "started\n", "the refused has no say");
}

#[tokio::test]
async fn keys_that_are_read_in_another_way_are_drift() {
    use cache_tests::modes::{fenced_through, through};
    let (sqlite, namespace) = (Sqlite::with(&[CREATE]), namespace());
    let store = || Redis::url(&redis_url()).unwrap();
    let _one = Cache::builder(sqlite.pool.clone())
        .store(store())
        .models(models![through::Account])
        .namespace(&namespace)
        .service("one")
        .build()
        .await
        .unwrap();
    let two = Cache::builder(sqlite.pool.clone())
        .store(store())
        .models(models![fenced_through::Account])
        .namespace(&namespace)
        .service("two")
        .on_drift(Drift::Refuse);
    let error = two.build().await.err().expect("refused").to_string();
    assert!(error.contains("`two` reads write_through, strict(fenced)"), "{error}");
    assert!(error.contains("`two` keys accounts by id, under an era; `one` keys"), "{error}");
}

const CONTRACTS: &str = "
    Account
      reads        cache_aside, eventual, ttl 1s, absence 30s
      a write      removes the row; lookups email
      keys         accounts by id
    Author
      reads        write_through, eventual, ttl 10m, absence not kept
      a write      puts the row; rows of Shown
      keys         authors by id
    Basket
      reads        cache_aside, eventual, ttl 10m, absence not kept
      a write      removes the row; its aggregate
      keys         baskets by tenant, id
      aggregate    root of BasketItem, owned by shop
    BasketItem
      reads        cache_aside, eventual, ttl 10m, absence not kept
      a write      removes the row; the aggregate of Basket
      keys         basket_items by tenant, basket, position
      aggregate    member of Basket, owned by shop
    Post
      reads        cache_aside, eventual, ttl 10m, absence not kept
      a write      removes the row; rows of Shown
      keys         posts by id
    Shown
      reads        cache_aside, eventual, ttl 10m, absence 10m
      a write      none here; the models that it depends on remove its rows
      keys         posts#Shown by id
";

#[tokio::test]
async fn contracts_are_text_that_a_test_can_hold() {
    let sqlite = Sqlite::with(&[&[CREATE], TABLES].concat());
    let cache = Cache::builder(sqlite.pool.clone())
        .store(InProcess::new())
        .models(models![Account, Author, Post, Shown, Basket, BasketItem])
        .build()
        .await
        .unwrap();
    assert_eq!(cache.contracts().len(), 6);
    assert_contracts(&cache, CONTRACTS);
    let changed = CONTRACTS.replacen("ttl 1s", "ttl 2s", 1);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        assert_contracts(&cache, &changed);
    }));
    let said = seen.expect_err("a changed ttl is seen");
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("- reads        cache_aside, eventual, ttl 2s"), "{said}");
    assert!(said.contains("+ reads        cache_aside, eventual, ttl 1s"), "{said}");
}
