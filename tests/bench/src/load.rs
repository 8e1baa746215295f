//! Callers that write as fast as they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::ports::BoxFuture;

use crate::Fault;

/// Whoever writes.
pub(crate) trait Side: Send + Sync {
    /// Writes all columns of the row with this key, and comes back when that is acknowledged.
    fn write(&self, id: i64, value: i64) -> BoxFuture<'_, Result<(), Fault>>;
}

/// What callers did.
pub(crate) struct Ran {
    pub(crate) took: Duration,
    /// How long each write took, in microseconds, in ascending order.
    pub(crate) latencies: Vec<f64>,
}

impl Ran {
    /// Acknowledged writes in a second.
    pub(crate) fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let writes = self.latencies.len() as f64;
        writes / self.took.as_secs_f64()
    }

    /// What 99 of a hundred writes took at most, in microseconds.
    pub(crate) fn p99(&self) -> f64 {
        let at = self.latencies.len() * 99 / 100;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// How far callers have come.
pub(crate) struct Progress {
    next: AtomicUsize,
    limit: usize,
    stop: AtomicBool,
}

impl Progress {
    /// They stop after so many writes, or when told.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { next: AtomicUsize::new(0), limit, stop: AtomicBool::new(false) })
    }

    /// How many writes were begun.
    pub(crate) fn begun(&self) -> usize {
        self.next.load(Ordering::SeqCst).min(self.limit)
    }

    /// What was begun is brought to its end, and nothing else is begun.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    fn next(&self) -> Option<usize> {
        if self.stop.load(Ordering::SeqCst) {
            return None;
        }
        let at = self.next.fetch_add(1, Ordering::SeqCst);
        (at < self.limit).then_some(at)
    }
}

/// So many callers write `value` to the rows with these keys, each one after the other, and begin
/// again where the keys end.
pub(crate) async fn run_until(
    side: &Arc<impl Side + ?Sized + 'static>,
    keys: &Arc<[i64]>,
    callers: usize,
    value: i64,
    progress: &Arc<Progress>,
) -> Result<Ran, Fault> {
    let begun = Instant::now();
    let caller = |_| {
        let (side, keys, progress) = (side.clone(), keys.clone(), progress.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(keys.len() / callers * 2);
            while let Some(at) = progress.next()
                && let Some(id) = keys.get(at % keys.len())
            {
                let sent = Instant::now();
                side.write(*id, value).await?;
                latencies.push(sent.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, Fault>(latencies)
        })
    };
    let callers: Vec<_> = (0..callers).map(caller).collect();
    let mut latencies = Vec::with_capacity(keys.len());
    for caller in callers {
        latencies.extend(caller.await??);
    }
    let took = begun.elapsed();
    latencies.sort_by(f64::total_cmp);
    Ok(Ran { took, latencies })
}

/// The same, each key once.
pub(crate) async fn run(
    side: &Arc<impl Side + ?Sized + 'static>,
    keys: &Arc<[i64]>,
    callers: usize,
    value: i64,
) -> Result<Ran, Fault> {
    run_until(side, keys, callers, value, &Progress::new(keys.len())).await
}
