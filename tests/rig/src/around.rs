//! The real store, with something around the calls by which a write tells it of entries.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Store,
    StoreFacts,
};
use cache_runtime::{EntryKey, Result, Token};

/// A call of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCall {
    /// Entries are removed.
    Invalidate,
    /// Fences are put up.
    Fence,
    /// Fences are lifted.
    Lift,
}

/// What is around a call. By itself nothing is.
pub trait Around: Send + Sync + 'static {
    /// A call that is about these entries is about to be made.
    fn before(&self, _call: StoreCall, _keys: &mut dyn Iterator<Item = &EntryKey>) {}

    /// Runs the call.
    fn around<'a, T: Send + 'a>(
        &'a self,
        _call: StoreCall,
        run: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        run
    }
}

/// A store with something around its calls.
pub struct AroundStore<A> {
    inner: Arc<dyn Store>,
    around: A,
}

impl<A: Around> AroundStore<A> {
    /// Decorates a store.
    pub fn new(inner: Arc<dyn Store>, around: A) -> Self {
        Self { inner, around }
    }
}

impl<A: Around> Store for AroundStore<A> {
    fn tier(&self) -> &'static str {
        self.inner.tier()
    }

    fn form(&self) -> Form {
        self.inner.form()
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        self.inner.start()
    }

    fn peek(&self, key: &EntryKey) -> Option<Option<Payload>> {
        self.inner.peek(key)
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
        self.around.before(StoreCall::Invalidate, &mut keys.iter());
        self.around.around(StoreCall::Invalidate, self.inner.invalidate(keys))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        self.around.before(StoreCall::Fence, &mut fences.iter().map(|fence| &fence.key));
        self.around.around(StoreCall::Fence, self.inner.fence(fences))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.renew(fences, expiry)
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        self.around.before(StoreCall::Lift, &mut lifts.iter().map(|lift| &lift.key));
        self.around.around(StoreCall::Lift, self.inner.lift(lifts))
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
