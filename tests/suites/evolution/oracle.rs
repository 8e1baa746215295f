//! What all that run know of every row, and traffic that is held to it.

use std::sync::atomic::{AtomicI64, Ordering};

use cache_runtime::ports::{Database, Event};
use cache_runtime::testing::Recorder;
use cache_runtime::{Cache, Consistency, Redis, Registration, Repository};
use cache_tests::redis_url;
use futures_util::future::join_all;

use crate::builds::Plane;

pub const ROWS: i64 = 8;
/// Those of one build that run at a time, and what each does.
const TASKS: i64 = 4;
const ACTS: i64 = 400;
/// One act of so many is a write.
const WRITE: i64 = 50;

/// The newest number of each row that somebody was told of.
#[derive(Default)]
pub struct Oracle {
    acknowledged: [AtomicI64; ROWS as usize],
    seen: [AtomicI64; ROWS as usize],
}

/// A build that runs.
pub struct Service<M: Plane<D>, D: Database> {
    _cache: Cache<D>,
    rows: Repository<M, D>,
    recorder: Recorder,
}

impl<M: Plane<D>, D: Database> Service<M, D> {
    pub async fn start(database: D, namespace: &str) -> Self {
        let recorder = Recorder::default();
        let cache = Cache::builder(database)
            .store(Redis::url(&redis_url()).unwrap())
            .namespace(namespace)
            .telemetry(recorder.clone())
            .models([Registration::of::<M>()])
            .build()
            .await
            .unwrap();
        let rows = M::rows(&cache);
        Self { _cache: cache, rows, recorder }
    }

    /// Reads and writes, none of which may go back. Gives the part of the reads that were hits.
    pub async fn traffic(&self, oracle: &Oracle) -> f64 {
        self.recorder.clear();
        join_all((0..TASKS).map(|task| self.acts(task, oracle))).await;
        let count =
            |wanted: fn(&Event) -> bool| self.recorder.count(M::DESCRIPTOR.model, wanted) as f64;
        let outdated = count(|event| *event == Event::Outdated);
        let hits = count(|event| *event == Event::Hit) - outdated;
        let reads = hits + count(|event| *event == Event::Miss);
        assert!(reads >= (TASKS * (ACTS - ACTS / WRITE)) as f64, "each read looks at the cache");
        hits / reads
    }

    async fn acts(&self, task: i64, oracle: &Oracle) {
        for act in 0..ACTS {
            let id = (act * 5 + task) % ROWS;
            let row = id as usize;
            if act % WRITE == task * 7 {
                let now = M::fly(&self.rows, id).await.unwrap();
                oracle.acknowledged[row].fetch_max(now, Ordering::SeqCst);
                continue;
            }
            let mut floor = oracle.acknowledged[row].load(Ordering::SeqCst);
            if M::DESCRIPTOR.policy.promise() != Consistency::Eventual {
                floor = floor.max(oracle.seen[row].load(Ordering::SeqCst));
            }
            let plane = self.rows.find(id).await.unwrap().expect("nobody deletes planes");
            assert!(plane.flights() >= floor, "row {id}: {} after {floor}", plane.flights());
            assert!(plane.is_right(), "row {id} is another build's");
            oracle.seen[row].fetch_max(plane.flights(), Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    }
}

impl Oracle {
    /// How many writes were acknowledged.
    pub fn writes(&self) -> i64 {
        self.acknowledged.iter().map(|row| row.load(Ordering::SeqCst)).sum()
    }
}
