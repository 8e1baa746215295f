//! Rows after a write: as the database holds them, or the write fails.

use cache_runtime::ports::Database;
use cache_runtime::{Cache, Cached, ErrorKind, InProcess, models};
use cache_tests::databases::Mysql;
use cache_tests::stores::namespace;
use diesel::mysql::Mysql as Backend;
use diesel::prelude::*;

diesel::table! {
    items (id) {
        id -> BigInt,
        label -> Text,
        open -> Bool,
        sold -> Unsigned<BigInt>,
    }
}

diesel::table! {
    gifts (id) {
        id -> BigInt,
        label -> Text,
    }
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = items)]
#[cached(pattern = "write_through", ttl = "10m", unique(label), save, backends(mysql))]
#[cached(insert = NewItem, changeset(ItemChanges, Move))]
struct Item {
    id: i64,
    label: String,
    open: bool,
    sold: u64,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = items)]
struct NewItem {
    id: Option<i64>,
    label: String,
    open: bool,
    sold: Option<u64>,
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = items)]
struct ItemChanges {
    label: Option<String>,
    open: Option<bool>,
    sold: Option<u64>,
}

/// To Diesel another column is the key.
#[derive(AsChangeset)]
#[diesel(table_name = items, primary_key(label))]
struct Move {
    id: i64,
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = gifts)]
#[cached(pattern = "cache_aside", ttl = "10m", backends(mysql), insert = NewGift)]
struct Gift {
    id: i64,
    label: String,
}

#[derive(Insertable)]
#[diesel(table_name = gifts)]
struct NewGift {
    label: String,
}

const ITEMS: &str = "CREATE TABLE items (id BIGINT PRIMARY KEY AUTO_INCREMENT, label VARCHAR(50) NOT NULL UNIQUE, \
                     open BOOLEAN NOT NULL, sold BIGINT UNSIGNED NOT NULL DEFAULT 0)";
/// A key by default that is nothing to count on.
const GIFTS: &str =
    "CREATE TABLE gifts (id BIGINT PRIMARY KEY DEFAULT 7, label VARCHAR(50) NOT NULL)";

fn item(id: impl Into<Option<i64>>, label: &str) -> NewItem {
    NewItem { id: id.into(), label: label.to_owned(), open: false, sold: None }
}

fn opened() -> ItemChanges {
    ItemChanges { open: Some(true), ..ItemChanges::default() }
}

async fn cache<D: Database<Backend = Backend>>(driver: D) -> Cache<D> {
    let builder = Cache::builder(driver).store(InProcess::new()).models(models![Item, Gift]);
    builder.namespace(namespace()).build().await.unwrap()
}

pub(crate) async fn a_key_that_the_database_makes_is_found<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[ITEMS, GIFTS]);
    let items = cache(open(&server)).await.repository::<Item>();
    let first = items.insert(item(None, "a")).await.unwrap();
    let given = items.insert(item(40, "b")).await.unwrap();
    let next = items.insert(item(None, "c")).await.unwrap();
    assert_eq!((first.id, given.id, next.id), (1, 40, 41));
    assert_eq!(next.label, "c");
    let upserted = items.upsert(42, item(None, "d"), opened()).await.unwrap();
    assert_eq!((upserted.id, upserted.open), (42, false), "a key that is yet to be made is new");
}

pub(crate) async fn a_key_made_for_another_row_is_not_taken_for_this_one<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[ITEMS, GIFTS, "INSERT INTO gifts VALUES (1, 'another')"]);
    let cache = cache(open(&server)).await;
    let outcome = cache.transaction(async |tx| {
        assert_eq!(tx.repository::<Item>().insert(item(None, "a")).await?.id, 1);
        tx.repository::<Gift>().insert(NewGift { label: "mine".into() }).await
    });
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    assert!(error.to_string().contains("AUTO_INCREMENT"), "{error}");
    assert!(cache.repository::<Gift>().find_uncached(7).await.unwrap().is_none(), "rolled back");
}

pub(crate) async fn a_row_is_as_its_triggers_leave_it<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let trigger =
        "CREATE TRIGGER sells BEFORE UPDATE ON items FOR EACH ROW SET NEW.sold = OLD.sold + 1";
    let server = Mysql::with(&[ITEMS, GIFTS, trigger]);
    let items = cache(open(&server)).await.repository::<Item>();
    items.insert(item(1, "a")).await.unwrap();
    for sold in 1..4 {
        let row = items.update(1, opened()).await.unwrap().unwrap();
        assert_eq!((row.sold, row.open), (sold, true), "also where nothing else differs");
        assert_eq!(items.find(1).await.unwrap(), Some(row), "put");
    }
}

pub(crate) async fn an_upsert_meets_a_row_by_its_primary_key_alone<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[ITEMS, GIFTS]);
    let items = cache(open(&server)).await.repository::<Item>();
    let first = items.upsert(1, item(1, "a"), opened()).await.unwrap();
    assert!(!first.open, "inserted");
    assert!(items.upsert(1, item(1, "a"), opened()).await.unwrap().open, "changed");
    let same = items.upsert(1, item(1, "z"), ItemChanges::default()).await.unwrap();
    assert_eq!(same.label, "a", "there is nothing to change");
    // MySQL would change the row that has the label.
    let sold = ItemChanges { sold: Some(9), ..ItemChanges::default() };
    let error = items.upsert(2, item(2, "a"), sold).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(items.find_uncached(1).await.unwrap(), Some(same));
}

pub(crate) async fn a_change_of_the_key_is_refused<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[ITEMS, GIFTS]);
    let items = cache(open(&server)).await.repository::<Item>();
    let row = items.insert(item(1, "a")).await.unwrap();
    assert!(items.find(2).await.unwrap().is_none());
    let error = items.update(1, Move { id: 2 }).await.unwrap_err();
    assert!(error.to_string().contains("must not change keys"), "{error}");
    let by_filter = items.update_where(items::label.eq("a"), Move { id: 2 }).await;
    assert_eq!(by_filter.unwrap_err().kind(), ErrorKind::Database);
    assert_eq!(items.find(1).await.unwrap(), Some(row));
    assert!(items.find_uncached(2).await.unwrap().is_none());
}

/// The lookup answers as the database does, and caches nothing under a spelling not the row's.
pub(crate) async fn a_spelling_that_the_collation_equates_finds_the_row<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[ITEMS, GIFTS]);
    let items = cache(open(&server)).await.repository::<Item>();
    items.insert(item(1, "Jo")).await.unwrap();
    for open in [true, false] {
        let row = items.find_by_label("jo").await.unwrap().unwrap();
        assert_eq!(row.label, "Jo");
        let change = ItemChanges { open: Some(open), ..ItemChanges::default() };
        let changed = items.update(1, change).await.unwrap();
        assert_eq!(items.find_by_label("jo").await.unwrap(), changed);
    }
    items.delete(1).await.unwrap();
    assert!(items.find_by_label("jo").await.unwrap().is_none());
    assert!(items.find_by_label("Jo").await.unwrap().is_none());
}

pub(crate) async fn flags_and_numbers_are_what_they_were<D>(open: fn(&Mysql) -> D)
where
    D: Database<Backend = Backend>,
{
    let server = Mysql::with(&[ITEMS, GIFTS]);
    let items = cache(open(&server)).await.repository::<Item>();
    let new = NewItem { open: true, sold: Some(u64::MAX), ..item(i64::MAX, "a") };
    let row = items.insert(new).await.unwrap();
    assert_eq!((row.id, row.open, row.sold), (i64::MAX, true, u64::MAX));
    let saved = Item { id: i64::MAX, label: "b".into(), open: false, sold: 1 << 63 };
    let saved = cache(open(&server))
        .await
        .transaction(async |tx| {
            let mut rows = tx.repository::<Item>();
            let mut row = rows.lock(i64::MAX).await?.unwrap();
            *row = saved;
            rows.save_locked(row).await
        })
        .await
        .unwrap();
    assert_eq!((saved.label.as_str(), saved.open, saved.sold), ("b", false, 1 << 63));
    let deleted = items.delete_where(items::sold.gt(1)).await.unwrap();
    assert_eq!(deleted, [saved], "as it was");
}
