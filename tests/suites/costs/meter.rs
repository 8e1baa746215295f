//! What one operation costs, up to its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_runtime::Redis;
use cache_runtime::ports::Dialect;
use cache_tests::databases::Statements;
use cache_tests::gate::{Gate, GatedStore};
use cache_tests::redis_url;
use diesel::Connection;
use diesel::r2d2::{ConnectionManager, Pool, R2D2Connection};

/// Runs a test by itself, as the counts are of the whole server. Its connections are closed
/// before the next begins: their end would be counted too.
pub fn alone(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

/// What an operation cost.
#[derive(Debug, PartialEq, Eq)]
pub struct Cost {
    /// Round trips to Redis.
    pub trips: usize,
    /// Those of them that were a plain GET, and that were an MGET.
    pub gets: usize,
    pub mgets: usize,
    /// Scripts that Redis ran; many may share a trip.
    pub scripts: usize,
    /// SELECTs and writes, BEGIN and COMMIT.
    pub statements: usize,
}

/// What a write cost, and when.
#[derive(Debug, PartialEq, Eq)]
pub struct WriteCost {
    /// Round trips that the COMMIT waited for.
    pub before_commit: usize,
    /// Round trips that the answer waited for after it.
    pub after_commit: usize,
    pub scripts: usize,
    pub statements: usize,
}

/// The calls of the store that an answer waits for; a fill is not one of them.
const CALLS: [&str; 7] = [
    "get:before",
    "lease:before",
    "release:before",
    "invalidate:before",
    "fence:before",
    "renew:before",
    "lift:before",
];

/// How many bytes Redis reads at once.
const READ_AT_ONCE: usize = 16 * 1024;

pub struct Meter {
    pub gate: Gate,
    statements: Statements,
    redis: redis::aio::MultiplexedConnection,
}

impl Meter {
    pub async fn new(statements: &Statements) -> Self {
        let client = redis::Client::open(redis_url()).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        Self { gate: Gate::default(), statements: statements.clone(), redis }
    }

    /// The store to measure.
    pub fn store(&self) -> GatedStore {
        GatedStore::new(Arc::new(Redis::url(&redis_url()).unwrap()), self.gate.clone())
    }

    /// The cost of an operation. Its fill is held back until the counts are taken, and has
    /// arrived when this returns.
    pub async fn of<T>(&mut self, what: &str, operation: impl Future<Output = T>) -> (T, Cost) {
        let fill = self.gate.hold("fill:before");
        let (leases, filled) = (self.gate.passed("lease:before"), self.gate.passed("fill:after"));
        let (before, gets) = (calls(&self.gate), self.gate.passed("get:before"));
        let statements = self.statements.count();
        let _: () =
            redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut self.redis).await.unwrap();
        let answer = operation.await;
        let counted = self.counted().await;
        let trips = calls(&self.gate) - before;
        // Redis reads at most so much at once: more is several reads of one trip. The question
        // for the counts is a read, too.
        if counted["total_net_input_bytes"] < READ_AT_ONCE {
            let reads = counted["total_reads_processed"] - 1;
            // Two that are sent together may be one read.
            assert!(reads <= trips, "{what}: each call of the store is one round trip");
        }
        let cost = Cost {
            trips,
            gets: self.gate.passed("get:before") - gets - counted["mget"],
            mgets: counted["mget"],
            scripts: counted["evalsha"],
            statements: self.statements.since(statements),
        };
        println!("{what}: {cost:?}");
        if self.gate.passed("lease:before") > leases {
            assert!(fill.reached().await, "{what}: who has a lease fills");
        }
        fill.open();
        self.until_filled(filled + self.gate.passed("lease:before") - leases).await;
        (answer, cost)
    }

    /// The cost of a write that commits.
    pub async fn of_write<T>(
        &mut self,
        what: &str,
        operation: impl Future<Output = T>,
    ) -> (T, WriteCost) {
        let (gate, before) = (self.gate.clone(), calls(&self.gate));
        let commit = gate.hold("commit:before");
        let until_commit = async {
            assert!(commit.reached().await, "{what} does not commit");
            let waited_for = calls(&gate) - before;
            commit.open();
            waited_for
        };
        let ((answer, cost), before_commit) = tokio::join!(self.of(what, operation), until_commit);
        let cost = WriteCost {
            before_commit,
            after_commit: cost.trips - before_commit,
            scripts: cost.scripts,
            statements: cost.statements,
        };
        (answer, cost)
    }

    async fn until_filled(&self, fills: usize) {
        let filled = async {
            while self.gate.passed("fill:after") < fills {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), filled).await.expect("the fill arrives");
    }

    /// What Redis has counted since it was told to begin anew.
    async fn counted(&mut self) -> HashMap<String, usize> {
        let mut info = redis::cmd("INFO");
        info.arg("stats").arg("commandstats");
        let info: String = info.query_async(&mut self.redis).await.unwrap();
        let mut counted: HashMap<String, usize> =
            ["mget", "evalsha"].map(|name| (name.to_owned(), 0)).into();
        counted.extend(info.lines().filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let (name, count) = match name.strip_prefix("cmdstat_") {
                Some(command) => (command, rest.strip_prefix("calls=")?.split(',').next()?),
                None => (name, rest),
            };
            Some((name.to_owned(), count.trim().parse().ok()?))
        }));
        counted
    }
}

fn calls(gate: &Gate) -> usize {
    CALLS.iter().map(|point| gate.passed(point)).sum()
}

/// The SQL of the counter that versions come from.
pub fn counter<C>(_: &Pool<ConnectionManager<C>>) -> &'static str
where
    C: R2D2Connection + Connection<Backend: Dialect> + 'static,
{
    C::Backend::CREATE_COUNTER
}

/// A database with nine rows in each table, its meter, and a cache of these models over both.
macro_rules! measured {
    ($server:ident, $($mode:ident),+) => {{
        let server = ::cache_tests::databases::$server::with(&[
            ::cache_tests::account::CREATE,
            ::cache_tests::modes::CREATE_VERSIONS,
            ::cache_tests::databases::migration::<::cache_tests::databases::$server>("cache_invalidations").up,
        ]);
        server.execute($crate::meter::counter(&server.pool));
        for id in 1..=9 {
            server.execute(&format!("INSERT INTO accounts VALUES ({id}, 'e{id}', {id})"));
            server.execute(&format!("INSERT INTO versions VALUES ({id}, 'e{id}', {id}, -{id})"));
        }
        let meter = $crate::meter::Meter::new(&server.statements).await;
        let database = ::cache_runtime::R2d2::new(server.pool.clone());
        let database = ::cache_tests::gate::GatedDatabase::new(database, meter.gate.clone());
        let cache = ::cache_runtime::Cache::builder(database)
            .store(meter.store())
            .models(::cache_runtime::models![$($mode::Account),+])
            .namespace(::cache_tests::stores::namespace())
            .build()
            .await
            .unwrap();
        (server, meter, cache)
    }};
}
pub(crate) use measured;
