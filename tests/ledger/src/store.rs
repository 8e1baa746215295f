//! The real store, with a point before, in and after each call that a write makes.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use cache_runtime::{EntryKey, Result, Token};

use crate::failpoints::{Call, Failpoints};

/// A store whose calls pass points.
pub(crate) struct MortalStore<S> {
    inner: S,
    points: Arc<Failpoints>,
}

impl<S: Store> MortalStore<S> {
    pub(crate) fn new(inner: S, points: Arc<Failpoints>) -> Self {
        Self { inner, points }
    }
}

impl<S: Store> Store for MortalStore<S> {
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
        self.inner.invalidate(keys)
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        Box::pin(self.points.around(Call::Fence, self.inner.fence(fences)))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.renew(fences, expiry)
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        Box::pin(self.points.around(Call::Lift, self.inner.lift(lifts)))
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        self.inner.time()
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.mark(marks)
    }
}
