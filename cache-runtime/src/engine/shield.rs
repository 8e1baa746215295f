//! A store that may be away: a circuit breaker, so that a dead store costs
//! nanoseconds a call and not a timeout each.
//!
//! Three states in one atomic: closed (0), open until a moment, or one trial
//! call under way (the moment is pushed on by whoever makes the trial). Its own
//! code, because the time must come from the [`Clock`] port: the simulated
//! clock of the tests drives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::ports::BoxFuture;
use crate::ports::clock::Clock;
use crate::ports::store::Store;
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::{Error, ErrorKind, Result};

/// When the breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BreakerPolicy {
    /// Opens after this many failures without a success between them.
    pub(crate) failures: u32,
    /// Lets one trial call through after this long.
    pub(crate) cool_down: Duration,
}

/// A store behind a breaker.
pub(crate) struct Shield {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    probe: Box<dyn Probe>,
    policy: BreakerPolicy,
    failures: AtomicU32,
    /// Nanoseconds on the clock, 0 while closed.
    open_until: AtomicU64,
}

impl Shield {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        probe: Box<dyn Probe>,
        policy: BreakerPolicy,
    ) -> Self {
        let (failures, open_until) = (AtomicU32::new(0), AtomicU64::new(0));
        Self { store, clock, probe, policy, failures, open_until }
    }

    /// The store itself, for what cannot fail.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// One operation of the store, or an error at once while the breaker is open.
    pub(crate) async fn call<'a, T>(
        &'a self,
        operation: impl FnOnce(&'a dyn Store) -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        if !self.admits() {
            return Err(Error::new(
                ErrorKind::Store,
                "the store failed moments ago and is left alone for now",
            ));
        }
        let result = operation(&*self.store).await;
        match &result {
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(error),
        }
        result
    }

    fn nanos(&self, after: Duration) -> u64 {
        let at = self.clock.now().0.saturating_add(after);
        u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
    }

    fn admits(&self) -> bool {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return true;
        }
        // Whoever pushes the moment on makes the trial; the others stay out.
        self.nanos(Duration::ZERO) >= until
            && self
                .open_until
                .compare_exchange(
                    until,
                    self.nanos(self.policy.cool_down),
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    fn succeeded(&self) {
        // A plain load first: the common case writes no shared cache line.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.open_until.load(Ordering::Acquire) != 0
            && self.open_until.swap(0, Ordering::AcqRel) != 0
        {
            tracing::info!(tier = self.store.tier(), "the store answers again");
            self.probe.event(Event::Breaker(false));
        }
    }

    fn failed(&self, error: &Error) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures >= self.policy.failures
            && self.open_until.swap(self.nanos(self.policy.cool_down), Ordering::AcqRel) == 0
        {
            tracing::warn!(tier = self.store.tier(), %error, "the store fails; going on without it");
            self.probe.event(Event::Breaker(true));
        }
    }
}
