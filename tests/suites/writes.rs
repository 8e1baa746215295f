//! What writes promise under each pattern and mode, over every database, driver and store.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Dialect as _, Model as _, Store};
use cache_runtime::{Cache, Consistency, Database, Error, ErrorKind, Result, models};
use cache_tests::account::{CREATE, accounts};
use cache_tests::databases::Sql as _;
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::modes::{
    CREATE_VERSIONS, fenced, fenced_through, through, validated, validated_through, versioned,
    versions,
};
use cache_tests::stores::namespace;
use diesel::prelude::*;

/// A process whose model is one of the modes: its gate, its cache, its rows.
macro_rules! process {
    ($world:expr, $mode:ident) => {{
        let gate = Gate::default();
        let cache = Cache::builder(GatedDatabase::new($world.driver.clone(), gate.clone()))
            .store(GatedStore::new($world.store.clone(), gate.clone()))
            .models(models![$mode::Account])
            .namespace(format!("{}-{}", $world.namespace, stringify!($mode)))
            .build()
            .await
            .unwrap();
        gate.start_counting();
        let accounts = cache.repository::<$mode::Account>();
        (gate, cache, accounts)
    }};
}

macro_rules! row {
    ($mode:ident, $id:expr, $email:expr, $balance:expr) => {
        $mode::NewAccount { id: $id, email: $email.to_owned(), balance: $balance }
    };
}

macro_rules! set {
    ($mode:ident, $balance:expr) => {
        $mode::AccountChanges { balance: Some($balance), ..$mode::AccountChanges::default() }
    };
}

macro_rules! rename {
    ($mode:ident, $email:expr) => {
        $mode::AccountChanges { email: Some($email.to_owned()), ..$mode::AccountChanges::default() }
    };
}

/// What is common to all modes, for one of them.
macro_rules! written_is_read {
    ($($name:ident: $mode:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let world = World::new();
            let (_, _, writer) = process!(world, $mode);
            let (_, _, reader) = process!(world, $mode);
            assert!(reader.find(1).await.unwrap().is_none(), "absence is cached now");
            assert!(reader.find_by_email("a").await.unwrap().is_none());
            settle().await;
            let inserted = writer.insert(row!($mode, 1, "a", 1)).await.unwrap();
            assert_eq!(reader.find(1).await.unwrap().as_ref(), Some(&inserted));
            assert_eq!(reader.find_by_email("a").await.unwrap().as_ref(), Some(&inserted));
            for balance in 2..6 {
                let updated = writer.update(1, set!($mode, balance)).await.unwrap().unwrap();
                assert_eq!(updated.balance, balance);
                assert_eq!(reader.find(1).await.unwrap(), Some(updated.clone()));
                let many = reader.find_many([1_i64, 2]).await.unwrap();
                assert_eq!(many, [Some(updated), None]);
                settle().await;
            }
            let renamed = writer.update(1, rename!($mode, "b")).await.unwrap();
            assert!(reader.find_by_email("a").await.unwrap().is_none());
            assert_eq!(reader.find_by_email("b").await.unwrap(), renamed);
            let upserted =
                writer.upsert(1, row!($mode, 1, "c", 9), rename!($mode, "c")).await.unwrap();
            assert_eq!((upserted.email.as_str(), upserted.balance), ("c", 5));
            assert_eq!(reader.find(1).await.unwrap(), Some(upserted.clone()));
            assert_eq!(writer.delete(1).await.unwrap(), Some(upserted));
            assert!(reader.find(1).await.unwrap().is_none());
            assert!(reader.find_by_email("c").await.unwrap().is_none());
            assert!(writer.update(1, set!($mode, 1)).await.unwrap().is_none());
            assert!(writer.delete(1).await.unwrap().is_none());
        }
    )*};
}

/// Keys and old unique values are found by a write that names neither.
macro_rules! filters_invalidate {
    ($($name:ident: $mode:ident, $table:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let world = World::new();
            let (_, cache, writer) = process!(world, $mode);
            let (gate, _, reader) = process!(world, $mode);
            for id in 1..=9_i64 {
                writer.insert(row!($mode, id, format!("e{id}"), id)).await.unwrap();
            }
            let all = async || {
                let rows = reader.find_many(1..=9_i64).await.unwrap();
                settle().await;
                rows.iter().map(|row| row.as_ref().map_or(0, |row| row.balance)).collect::<Vec<_>>()
            };
            assert_eq!(all().await, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
            let changed =
                writer.update_where($table::balance.between(2, 4), set!($mode, 40)).await.unwrap();
            assert_eq!(changed.len(), 3);
            assert_eq!(all().await, [1, 40, 40, 40, 5, 6, 7, 8, 9]);
            let renamed = writer
                .update_where($table::id.eq(9).or($table::id.eq(99)), rename!($mode, "nine"))
                .await
                .unwrap();
            assert_eq!(renamed.len(), 1);
            assert!(reader.find_by_email("e9").await.unwrap().is_none());
            assert_eq!(reader.find_by_email("nine").await.unwrap().unwrap().id, 9);
            // More than the modes with `bulk = 3` name one by one.
            let changed =
                writer.update_where($table::balance.lt(100), set!($mode, 7)).await.unwrap();
            assert_eq!(changed.len(), 9);
            assert_eq!(all().await, [7; 9]);
            let before = gate.passed("load:before");
            assert_eq!(all().await, [7; 9]);
            assert_eq!(gate.passed("load:before") - before, usize::from(
                $mode::Account::DESCRIPTOR.policy.promise() == Consistency::Validated
            ), "cached again; validation reads the versions by one statement");
            let deleted = writer.delete_where($table::id.gt(8)).await.unwrap();
            assert_eq!(deleted.iter().map(|row| row.id).collect::<Vec<_>>(), [9]);
            assert_eq!(all().await, [7, 7, 7, 7, 7, 7, 7, 7, 0]);
            assert!(writer.delete_where($table::id.gt(100)).await.unwrap().is_empty());
            let transaction = cache.transaction(async |tx| {
                let rows = tx.repository::<$mode::Account>();
                { rows }.update_where($table::id.le(2), set!($mode, 11)).await?;
                let rows = tx.repository::<$mode::Account>();
                { rows }.delete_where($table::id.gt(2)).await
            });
            assert_eq!(transaction.await.unwrap().len(), 6);
            assert_eq!(all().await, [11, 11, 0, 0, 0, 0, 0, 0, 0]);
        }
    )*};
}

cache_tests::matrix!("writes/body.rs", &[CREATE, CREATE_VERSIONS, Backend::CREATE_COUNTER]);
