//! What `bounded` promises beside the anomalies, over every database, driver and store: that each
//! way to write leaves its row in the outbox, that hits go on, and that another process takes over.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, ErrorKind, models};
use cache_tests::account::{CREATE, accounts};
use cache_tests::databases::migration;
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::modes::bounded::{Account, AccountChanges, NewAccount};
use cache_tests::stores::namespace;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

/// The bound of the model.
const BOUND: Duration = Duration::from_secs(1);

diesel::table! {
    cache_invalidations (id) {
        id -> BigInt,
        scope -> Text,
        bucket -> BigInt,
        entries -> Nullable<Text>,
    }
}

diesel::table! {
    cache_watermarks (scope, bucket) {
        scope -> Text,
        bucket -> BigInt,
        name -> Text,
        identity -> Text,
    }
}

/// A process: its gate, its cache, its rows.
macro_rules! process {
    ($world:expr) => {{
        let gate = Gate::default();
        let cache = Cache::builder(GatedDatabase::new($world.driver.clone(), gate.clone()))
            .store(GatedStore::new($world.store.clone(), gate.clone()))
            .models(models![Account])
            .namespace($world.namespace.clone())
            .build()
            .await
            .unwrap();
        let accounts = cache.repository::<Account>();
        (gate, cache, accounts)
    }};
}

fn account(id: i64, email: &str) -> NewAccount {
    NewAccount { id, email: email.to_owned(), balance: 0 }
}

fn balance(balance: i64) -> AccountChanges {
    AccountChanges { balance: Some(balance), email: None }
}

cache_tests::matrix!("bounded/body.rs", &[CREATE, migration::<Server>("cache_invalidations").up]);
