//! One of the two processes: does what it reads, a line each, and answers a line.
//!
//! | line | what | answer |
//! |---|---|---|
//! | `clear PROMISE` | removes every entry | `ok` |
//! | `fill PROMISE` | reads until every entry is there | `ok` |
//! | `read PROMISE` | reads every row once, by key and label | `ok HITS MISSES` |
//! | `rows PROMISE` | the same by key alone | `ok HITS MISSES` |
//! | `write PROMISE`, `sweep PROMISE` | counts all up, one by one or by a filter | `ok` |
//! | `mixed PROMISE SEED` | all of that for a while | `ok HITS MISSES` |
//!
//! What went wrong is answered as `fault ..`.

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::ports::{Event, Probe, Telemetry};
use cache_runtime::{Cache, R2d2, Redis};
use diesel::PgConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use tokio::runtime::Runtime;

use crate::models::{PROMISES, Postgres, all, rows};
use crate::oracle::url;
use crate::traffic::Traffic;
use crate::{Fault, required};

/// How long mixed traffic lasts.
const MIXED: Duration = Duration::from_millis(2500);
/// Longer than a fill takes.
const SOON: Duration = Duration::from_millis(20);

pub(crate) fn work(schema: &str) -> Result<(), Fault> {
    let runtime = Runtime::new()?;
    let counts = Counts::default();
    let cache = runtime.block_on(open(schema, counts.clone()))?;
    answer("ok")?;
    for line in std::io::stdin().lock().lines() {
        let said = act(&line?, schema, &runtime, &cache, &counts);
        answer(&said.unwrap_or_else(|fault| format!("fault {fault}")))?;
    }
    Ok(())
}

async fn open(schema: &str, counts: Counts) -> Result<Cache<Postgres>, Fault> {
    let manager = ConnectionManager::<PgConnection>::new(url(schema)?);
    let pool = Pool::builder().max_size(6).build(manager)?;
    let cache = Cache::builder(R2d2::new(pool))
        .store(Redis::url(&required("TEST_REDIS_URL")?)?)
        .namespace(schema)
        .telemetry(counts)
        .models(all())
        .build()
        .await?;
    Ok(cache)
}

fn act(
    line: &str,
    schema: &str,
    runtime: &Runtime,
    cache: &Cache<Postgres>,
    counts: &Counts,
) -> Result<String, Fault> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (what, name) = (words.first().copied(), words.get(1).copied().unwrap_or_default());
    let promise = PROMISES.iter().find(|promise| promise.name == name);
    let (Some(promise), Some(rows)) = (promise, rows(cache, name)) else {
        return Err(format!("no promise is called `{name}`").into());
    };
    let traffic = Traffic { runtime: runtime.handle(), rows, promise: *promise, schema };
    counts.take();
    match what {
        Some("clear") => traffic.invalidate_all(),
        Some("fill") => fill(&traffic, counts)?,
        Some("read") => traffic.read_all(true)?,
        Some("rows") => traffic.read_all(false)?,
        Some("write") => traffic.write_all(false)?,
        Some("sweep") => traffic.write_all(true)?,
        Some("mixed") => {
            let seed = words.get(2).copied().unwrap_or_default().parse()?;
            let acts = traffic.mixed(MIXED, seed)?;
            if acts < 100 {
                return Err(format!("only {acts} acts in {MIXED:?}").into());
            }
        }
        _ => return Err(format!("`{line}` is not understood").into()),
    }
    let (hits, misses) = counts.take();
    Ok(format!("ok {hits} {misses}"))
}

/// Fills are not waited for by who reads.
fn fill(traffic: &Traffic<'_>, counts: &Counts) -> Result<(), Fault> {
    for _ in 0..50 {
        counts.take();
        traffic.read_all(true)?;
        if counts.take().1 == 0 {
            return Ok(());
        }
        std::thread::sleep(SOON);
    }
    Err("what this process reads does not stay in the cache".into())
}

fn answer(line: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Counts hits that were served, and misses.
#[derive(Clone, Default)]
struct Counts(Arc<[AtomicU64; 2]>);

impl Counts {
    fn take(&self) -> (u64, u64) {
        let [hits, misses] = &*self.0;
        (hits.swap(0, Ordering::SeqCst), misses.swap(0, Ordering::SeqCst))
    }
}

impl Telemetry for Counts {
    fn probe(&self, _model: &'static str, _tier: &'static str) -> Box<dyn Probe> {
        Box::new(self.clone())
    }
}

impl Probe for Counts {
    fn event(&self, event: Event) {
        let [hits, misses] = &*self.0;
        match event {
            Event::Hit | Event::Negative => hits.fetch_add(1, Ordering::SeqCst),
            Event::Miss => misses.fetch_add(1, Ordering::SeqCst),
            // It was counted as a hit before its version was looked at.
            Event::Outdated => hits.fetch_sub(1, Ordering::SeqCst),
            _ => 0,
        };
    }
}
