//! Counts what the table at the end reports: statements at the database port, and hits
//! and misses as the cache tells them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::ports::{Database, Event, FromRow, Load, Probe, Telemetry};

/// Running totals.
#[derive(Clone, Default)]
pub struct Counters(Arc<Totals>);

#[derive(Default)]
struct Totals {
    statements: AtomicU64,
    hits: AtomicU64,
}

impl Counters {
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    /// Entries that answered, those that say "no such row" included.
    pub fn hits(&self) -> u64 {
        self.0.hits.load(Ordering::Relaxed)
    }
}

impl Telemetry for Counters {
    fn probe(&self, _model: &'static str, _tier: &'static str) -> Box<dyn Probe> {
        Box::new(self.clone())
    }
}

impl Probe for Counters {
    fn event(&self, event: Event) {
        if let Event::Hit | Event::Negative = event {
            self.0.hits.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A database that counts its statements.
#[derive(Clone)]
pub struct Counted<D> {
    inner: D,
    counters: Counters,
}

impl<D> Counted<D> {
    pub fn new(inner: D, counters: Counters) -> Self {
        Self { inner, counters }
    }

    fn count(&self) {
        self.counters.0.statements.fetch_add(1, Ordering::Relaxed);
    }
}

impl<D: Database> Database for Counted<D> {
    type Backend = D::Backend;
    type Transaction = D::Transaction;

    fn load<U: FromRow<D::Backend>>(
        &self,
        load: Load<D::Backend, U>,
    ) -> impl Future<Output = cache_runtime::Result<Vec<U>>> + Send {
        self.count();
        self.inner.load(load)
    }

    fn begin(&self) -> impl Future<Output = cache_runtime::Result<D::Transaction>> + Send {
        // The replay only reads.
        self.inner.begin()
    }

    fn check(&self) -> impl Future<Output = cache_runtime::Result<()>> + Send {
        self.inner.check()
    }
}
