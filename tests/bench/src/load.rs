//! Callers that write as fast as they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// So many callers write `value` to the rows with these keys, one after the other each, until all
/// is done, or the time is up.
pub(crate) async fn run(
    side: &Arc<impl Side + ?Sized + 'static>,
    keys: &Arc<[i64]>,
    callers: usize,
    value: i64,
    until: Option<Duration>,
) -> Result<Ran, Fault> {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let caller = |_| {
        let (side, keys, next) = (side.clone(), keys.clone(), next.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(keys.len() / callers * 2);
            while let Some(id) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                side.write(*id, value).await?;
                let now = Instant::now();
                latencies.push((now - sent).as_secs_f64() * 1e6);
                if until.is_some_and(|until| now - begun >= until) {
                    break;
                }
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
