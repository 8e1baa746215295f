//! What the registry of contracts does beside stopping anomaly 43, over every database, driver and
//! store: which kinds are withheld and for how long, who waits, who is told that it is registered no
//! more.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, ErrorKind, models};
use cache_tests::account::CREATE;
use cache_tests::databases::migration;
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::shapes::posts::{Author, CREATE_AUTHORS, CREATE_POSTS, Post, Shown};
use cache_tests::skew::{new, new_through, old};
use cache_tests::stores::namespace;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

/// How long a process is live without another word.
const LEASE: Duration = Duration::from_secs(2);
/// A few beats.
const BEATS: Duration = Duration::from_millis(700);

diesel::table! {
    cache_processes (id) {
        id -> Text,
        program -> Text,
    }
}

diesel::table! {
    cache_leases (process) {
        process -> Text,
        until_ms -> BigInt,
    }
}

/// Begins a registered process.
macro_rules! builder {
    ($world:expr, $gate:expr, [$($model:ty),*]) => {
        Cache::builder(GatedDatabase::new($world.driver.clone(), $gate.clone()))
            .store(GatedStore::new($world.store.clone(), $gate.clone()))
            .models(models![$($model),*])
            .namespace($world.namespace.clone())
            .register_contracts()
            .contract_lease(LEASE)
    };
}

/// A registered process of a program: its gate, its cache, its rows.
macro_rules! process {
    ($world:expr, $program:ident) => {{
        let gate = Gate::default();
        let cache = builder!($world, gate, [$program::Account]).build().await.unwrap();
        let accounts = cache.repository::<$program::Account>();
        (gate, cache, accounts)
    }};
}

/// Waits until this is so, for a while.
macro_rules! eventually {
    ($so:expr) => {
        for turn in 0.. {
            if $so {
                break;
            }
            assert!(turn < 100, "never: {}", stringify!($so));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
}

/// Waits until the background work of a flight is over.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

cache_tests::matrix!(
    "contracts/body.rs",
    &[CREATE, CREATE_AUTHORS, CREATE_POSTS, migration::<Server>("cache_contracts").up]
);
