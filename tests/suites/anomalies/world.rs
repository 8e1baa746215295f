//! What a case runs on: one database, one store, and processes of its own.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Database, Dialect as _, Store};
use cache_runtime::{Cache, InProcess, Redis, models};
use cache_tests::account::{Account, AccountRepository, CREATE, Tag, TagRepository};
use cache_tests::databases::{Sql as _, migration};
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::modes::CREATE_VERSIONS;
use cache_tests::redis_url;
use cache_tests::shapes::TABLES;
use cache_tests::stores::{Kind, namespace};

use super::{Driver, NUMBER, Server, driver};

pub(crate) type Gated = GatedDatabase<Driver>;

/// How long a store may take to be emptied.
const PATIENCE: Duration = Duration::from_secs(30);

/// One database and one store, on which processes are started.
pub(crate) struct World {
    pub(crate) database: Server,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) namespace: String,
    shelf: Shelf,
}

/// What empties the store.
enum Shelf {
    InProcess(Arc<InProcess>),
    /// A database of the server that is this column's own, by its URL.
    Redis(String),
}

/// One process: a cache of its own, with points of its own.
pub(crate) struct Process {
    pub(crate) gate: Gate,
    pub(crate) accounts: AccountRepository<Gated>,
    pub(crate) tags: TagRepository<Gated>,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Self {
        let own = [
            CREATE,
            Server::CREATE_TAGS,
            CREATE_VERSIONS,
            <Driver as Database>::Backend::CREATE_COUNTER,
            migration::<Server>("cache_invalidations").up,
            migration::<Server>("cache_events").up,
            migration::<Server>("cache_outbox").up,
            migration::<Server>("cache_contracts").up,
        ];
        let database = Server::with(&[&own, TABLES].concat());
        let (shelf, store): (Shelf, Arc<dyn Store>) = match kind {
            Kind::InProcess => {
                let store = Arc::new(InProcess::new());
                (Shelf::InProcess(store.clone()), store)
            }
            Kind::Redis => {
                let url = format!("{}/{NUMBER}", redis_url());
                (Shelf::Redis(url.clone()), Arc::new(Redis::url(&url).unwrap()))
            }
        };
        Self { database, store, namespace: namespace(), shelf }
    }

    /// As one more process reaches the database.
    pub(crate) fn driver(&self) -> Driver {
        driver(&self.database)
    }

    pub(crate) async fn process(&self) -> Process {
        let gate = Gate::default();
        let store = GatedStore::new(self.store.clone(), gate.clone());
        let database = GatedDatabase::new(self.driver(), gate.clone());
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
        match &self.shelf {
            Shelf::InProcess(store) => store.clear(),
            Shelf::Redis(url) => {
                let client = redis::Client::open(url.as_str()).unwrap();
                // A machine may be slower than the client's usual patience.
                let patient = redis::AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                let mut connection =
                    client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
                let _: () = redis::cmd("FLUSHDB").query_async(&mut connection).await.unwrap();
            }
        }
    }
}

/// Waits until the background work of a flight is over.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
