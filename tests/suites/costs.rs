//! Round trips and statements, counted at Redis and at the database.
//!
//! One test in this binary: the counts are of the whole server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, R2d2, Redis, models};
use cache_tests::account::{Account, AccountChanges, CREATE};
use cache_tests::databases::Sqlite;
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::redis_url;
use cache_tests::stores::namespace;

/// What an operation cost.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// Calls of the store, each one round trip.
    trips: usize,
    /// Commands that Redis executed, by name; those inside scripts are not told apart.
    gets: u64,
    scripts: u64,
    /// SELECTs, and writes.
    statements: usize,
}

struct Meter {
    gate: Gate,
    sqlite: Sqlite,
    redis: redis::aio::MultiplexedConnection,
}

const OPERATIONS: [&str; 5] =
    ["get:before", "lease:before", "fill:before", "release:before", "invalidate:before"];

impl Meter {
    fn trips(&self) -> usize {
        OPERATIONS.iter().map(|point| self.gate.passed(point)).sum()
    }

    async fn commands(&mut self) -> HashMap<String, u64> {
        let info: String =
            redis::cmd("INFO").arg("commandstats").query_async(&mut self.redis).await.unwrap();
        info.lines()
            .filter_map(|line| {
                let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
                Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
            })
            .collect()
    }

    /// The cost of an operation up to its answer: fills are held back meanwhile.
    async fn of<T>(&mut self, operation: impl Future<Output = T>) -> (T, Cost) {
        let fill = self.gate.hold("fill:before");
        let _: () =
            redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut self.redis).await.unwrap();
        let (trips, statements) = (self.trips(), self.sqlite.statements.count());
        let answer = operation.await;
        // The gate counts a fill when it arrives, which may be before or after the answer.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let fills = usize::from(self.trips() > trips && self.fill_waits(&fill).await);
        let commands = self.commands().await;
        let count = |name: &str| commands.get(name).copied().unwrap_or(0);
        let cost = Cost {
            trips: self.trips() - trips - fills,
            // A lease's script looks at the value and the lease: two GETs of its own each.
            gets: count("get").saturating_sub(2 * count("evalsha")) + count("mget"),
            scripts: count("evalsha"),
            statements: self.sqlite.statements.since(statements),
        };
        fill.open();
        tokio::time::sleep(Duration::from_millis(30)).await;
        (answer, cost)
    }

    async fn fill_waits(&self, fill: &cache_tests::gate::Hold) -> bool {
        tokio::time::timeout(Duration::from_millis(1), fill.reached()).await.unwrap_or(false)
    }
}

#[tokio::test]
async fn costs() {
    let sqlite = Sqlite::with(&[CREATE]);
    for id in 1..=9 {
        sqlite.execute(&format!("INSERT INTO accounts VALUES ({id}, 'e{id}', {id})"));
    }
    let gate = Gate::default();
    let store = GatedStore::new(Arc::new(Redis::url(&redis_url()).unwrap()), gate.clone());
    let database = GatedDatabase::new(R2d2::new(sqlite.pool.clone()), gate.clone());
    let cache = Cache::builder(database)
        .store(store)
        .models(models![Account])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    let accounts = cache.repository::<Account>();
    let client = redis::Client::open(redis_url()).unwrap();
    let redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut meter = Meter { gate, sqlite, redis };
    let cost = |trips, gets, scripts, statements| Cost { trips, gets, scripts, statements };

    let (_, miss) = meter.of(accounts.find(1)).await;
    assert_eq!(miss, cost(2, 1, 1, 1), "a miss: GET, lease, one statement");
    let (_, hit) = meter.of(accounts.find(1)).await;
    assert_eq!(hit, cost(1, 1, 0, 0), "a hit: a plain GET and no script");

    let (_, cold) = meter.of(accounts.find_by_email("e2")).await;
    assert_eq!(cold, cost(2, 1, 1, 1), "a cold lookup: as a miss");
    let (_, half) = meter.of(accounts.find_by_email("e2")).await;
    assert_eq!(half, cost(3, 2, 1, 1), "a lookup whose row is not cached: one GET more");
    let (_, warm) = meter.of(accounts.find_by_email("e2")).await;
    assert_eq!(warm, cost(2, 2, 0, 0), "a warm lookup: two plain GETs");

    let (_, cold) = meter.of(accounts.find_many([3_i64, 4, 5, 3])).await;
    assert_eq!(cold, cost(2, 1, 3, 1), "MGET, three leases in one trip, one statement");
    let (_, mixed) = meter.of(accounts.find_many([1_i64, 3, 6, 7, 404])).await;
    assert_eq!(mixed, cost(2, 1, 3, 1));
    let (_, warm) = meter.of(accounts.find_many([1_i64, 3, 6, 7, 404])).await;
    assert_eq!(warm, cost(1, 1, 0, 0), "all hits, absence included: one MGET");

    let (_, write) = meter.of(accounts.update(1, AccountChanges::balance(5))).await;
    assert_eq!(
        (write.trips, write.scripts),
        (1, 2),
        "a write: its statements, and one trip for the row and its lookup"
    );
    assert_eq!(write.statements, 4, "BEGIN, the row as it was, the update, COMMIT");
}
