//! What a case runs on: one database, one store, and processes of its own.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Dialect as _;
use cache_runtime::ports::Store;
use cache_runtime::{Cache, R2d2, models};
use cache_tests::account::{Account, AccountRepository, CREATE, CREATE_TAGS, Tag, TagRepository};
use cache_tests::databases::Sqlite;
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::modes::CREATE_VERSIONS;
use cache_tests::redis_url;
use cache_tests::stores::{Kind, namespace};
use diesel::SqliteConnection;
use diesel::sqlite::Sqlite as SqliteBackend;

pub(crate) type Database = GatedDatabase<R2d2<SqliteConnection>>;

/// One database and one store, on which processes are started.
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) database: Sqlite,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) in_process: Option<Arc<cache_runtime::InProcess>>,
    pub(crate) namespace: String,
}

/// One process: a cache of its own, with points of its own.
pub(crate) struct Process {
    pub(crate) gate: Gate,
    pub(crate) accounts: AccountRepository<Database>,
    pub(crate) tags: TagRepository<Database>,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Self {
        let database =
            Sqlite::with(&[CREATE, CREATE_TAGS, CREATE_VERSIONS, SqliteBackend::CREATE_COUNTER]);
        let in_process =
            (kind == Kind::InProcess).then(|| Arc::new(cache_runtime::InProcess::new()));
        let store: Arc<dyn Store> = match &in_process {
            Some(store) => store.clone(),
            None => kind.store(),
        };
        Self { kind, database, store, in_process, namespace: namespace() }
    }

    pub(crate) async fn process(&self) -> Process {
        let gate = Gate::default();
        let store = GatedStore::new(self.store.clone(), gate.clone());
        let database = GatedDatabase::new(R2d2::new(self.database.pool.clone()), gate.clone());
        let cache = Cache::builder(database)
            .store(store)
            .models(models![Account, Tag])
            .namespace(self.namespace.clone())
            .build()
            .await
            .unwrap();
        Process { gate, accounts: cache.repository::<Account>(), tags: cache.repository::<Tag>() }
    }

    /// Empties the store, leases and all.
    pub(crate) async fn flush(&self) {
        match &self.in_process {
            Some(store) => store.clear(),
            None => {
                let client = redis::Client::open(redis_url()).unwrap();
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
            }
        }
    }
}

/// What a case saw.
pub(crate) enum Seen {
    /// The named point was reached, and the promise held (true) or broke (false).
    Hit(bool),
    /// The interleaving did not come about.
    NotReached(&'static str),
}

#[macro_export]
macro_rules! reach {
    ($hold:expr) => {
        if !$hold.reached().await {
            return $crate::world::Seen::NotReached(stringify!($hold));
        }
    };
}

/// Waits until the background work of a flight is over.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// A process whose model is one of `cache_tests::modes`: its gate, its cache, its rows.
#[macro_export]
macro_rules! process {
    ($world:expr, $mode:ident) => {
        $crate::process!($world, $mode, cache_runtime::R2d2::new($world.database.pool.clone()))
    };
    ($world:expr, $mode:ident, $driver:expr) => {{
        let gate = cache_tests::gate::Gate::default();
        let store = cache_tests::gate::GatedStore::new($world.store.clone(), gate.clone());
        let database = cache_tests::gate::GatedDatabase::new($driver, gate.clone());
        let cache = cache_runtime::Cache::builder(database)
            .store(store)
            .models(cache_runtime::models![cache_tests::modes::$mode::Account])
            .namespace(format!("{}-{}", $world.namespace, stringify!($mode)))
            .fence_expiry($crate::world::FENCE)
            .build()
            .await
            .unwrap();
        let accounts = cache.repository::<cache_tests::modes::$mode::Account>();
        (gate, cache, accounts)
    }};
}

/// How long a fence stands in these cases.
pub(crate) const FENCE: Duration = Duration::from_millis(600);
