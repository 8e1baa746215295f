//! The real store, before whose next message about a write this process may have to die: that write
//! has committed then, and nobody hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Store,
    StoreFacts,
};
use cache_runtime::{EntryKey, Result, Token};
use rustix::process::{Signal, getpid, kill_process};

/// Whether this process is to die at that point.
#[derive(Default)]
pub(super) struct Doom(AtomicBool);

impl Doom {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// A write is about to tell the store, of these entries among others. What is told of validated
    /// rows may follow a read, and is let pass.
    fn meet<'k>(&self, mut keys: impl Iterator<Item = &'k EntryKey>) {
        if self.0.load(Ordering::SeqCst)
            && keys.any(EntryKey::is_watermarked)
            && let Err(error) = kill_process(getpid(), Signal::KILL)
        {
            eprintln!("this process could not be killed: {error}");
        }
    }
}

pub(super) struct Doomed<S> {
    inner: S,
    doom: Arc<Doom>,
}

impl<S: Store> Doomed<S> {
    pub(super) fn new(inner: S, doom: Arc<Doom>) -> Self {
        Self { inner, doom }
    }
}

impl<S: Store> Store for Doomed<S> {
    fn tier(&self) -> &'static str {
        self.inner.tier()
    }

    fn form(&self) -> Form {
        self.inner.form()
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        self.inner.start()
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        self.inner.get(keys)
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        self.inner.lease(leases)
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        self.inner.fill(fills)
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        self.inner.release(leases)
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        self.doom.meet(keys.iter());
        self.inner.invalidate(keys)
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        self.inner.fence(fences)
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.renew(fences, expiry)
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        self.doom.meet(lifts.iter().map(|lift| &lift.key));
        self.inner.lift(lifts)
    }

    fn inspect<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<Inspection>> {
        self.inner.inspect(key)
    }

    fn declare<'a>(
        &'a self,
        table: &'a EntryKey,
        service: &'a str,
        text: &'a str,
        life: Duration,
    ) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        self.inner.declare(table, service, text, life)
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        self.inner.time()
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.mark(marks)
    }
}
