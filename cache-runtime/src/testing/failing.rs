//! A store that fails, dawdles and forgets when a test says so.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::ports::BoxFuture;
use crate::ports::store::{
    Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// An operation of a store, for [`FailingStore::fail_on`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// The start, by `build()`.
    Start,
    /// A read.
    Get,
    /// A wish to fill.
    Lease,
    /// A fill.
    Fill,
    /// A lease given back.
    Release,
    /// An invalidation.
    Invalidate,
    /// A fence put up.
    Fence,
    /// A fence prolonged.
    Renew,
    /// A fence lifted.
    Lift,
    /// A watermark set, or the store's time asked for it.
    Mark,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::Get,
        Self::Lease,
        Self::Fill,
        Self::Release,
        Self::Invalidate,
        Self::Fence,
        Self::Renew,
        Self::Lift,
        Self::Mark,
    ];
}

/// Decorates any store. Keep a clone, to say when it fails.
#[derive(Clone)]
pub struct FailingStore(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    faults: Mutex<HashMap<Operation, Fault>>,
    /// The entries that came by, with the tokens of their fences.
    known: Mutex<HashMap<EntryKey, HashSet<Token>>>,
}

#[derive(Clone, Copy, Default)]
struct Fault {
    fails: bool,
    delay: Duration,
}

impl FailingStore {
    /// Decorates a store.
    pub fn new(store: impl Store) -> Self {
        Self::shared(Arc::new(store))
    }

    /// Decorates a store that others hold too.
    pub fn shared(store: Arc<dyn Store>) -> Self {
        Self(Arc::new(Inner { store, faults: Mutex::default(), known: Mutex::default() }))
    }

    /// Every operation fails from now on, and has no effect: the store is away.
    pub fn fail(&self) {
        Operation::ALL.into_iter().for_each(|operation| self.fail_on(operation));
    }

    /// This operation fails from now on, and has no effect.
    pub fn fail_on(&self, operation: Operation) {
        self.0.faults.lock().entry(operation).or_default().fails = true;
    }

    /// Every operation takes this much longer from now on, by tokio's clock.
    pub fn delay(&self, delay: Duration) {
        Operation::ALL.into_iter().for_each(|operation| self.delay_on(operation, delay));
    }

    /// This operation takes this much longer from now on, by tokio's clock.
    pub fn delay_on(&self, operation: Operation, delay: Duration) {
        self.0.faults.lock().entry(operation).or_default().delay = delay;
    }

    /// Undoes all failures and delays. The cache's breaker may still be open for its cool-down.
    pub fn mend(&self) {
        self.0.faults.lock().clear();
    }

    /// Loses everything that came by here: values, leases and fences, as an eviction or a
    /// restart would.
    ///
    /// # Errors
    ///
    /// Those of the store beneath.
    pub async fn forget(&self) -> Result<()> {
        let known = std::mem::take(&mut *self.0.known.lock());
        let keys: Vec<EntryKey> = known.keys().cloned().collect();
        self.0.store.invalidate(&keys).await?;
        let fences = known.into_iter().flat_map(|(key, tokens)| {
            tokens.into_iter().map(move |token| Lift { key: key.clone(), token, put: None })
        });
        self.0.store.lift(fences.collect()).await.map(drop)
    }

    fn know<'a>(&self, keys: impl IntoIterator<Item = &'a EntryKey>) {
        let mut known = self.0.known.lock();
        for key in keys {
            known.entry(key.clone()).or_default();
        }
    }

    async fn pass(&self, operation: Operation) -> Result<()> {
        let fault = self.0.faults.lock().get(&operation).copied().unwrap_or_default();
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        if fault.fails {
            let context = format!("the test lets {operation:?} fail; `mend` undoes it");
            return Err(Error::new(ErrorKind::Store, context));
        }
        Ok(())
    }

    fn passing<'a, T: 'a>(
        &'a self,
        operation: Operation,
        work: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            self.pass(operation).await?;
            work.await
        })
    }
}

impl Store for FailingStore {
    fn tier(&self) -> &'static str {
        self.0.store.tier()
    }

    fn form(&self) -> Form {
        self.0.store.form()
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        self.passing(Operation::Start, self.0.store.start())
    }

    fn peek(&self, key: &EntryKey) -> Option<Option<Payload>> {
        // A read that fails or waits has to go the long way.
        if self.0.faults.lock().contains_key(&Operation::Get) {
            return None;
        }
        self.0.store.peek(key)
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        self.passing(Operation::Get, self.0.store.get(keys))
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        self.know(leases.iter().map(|lease| &lease.key));
        self.passing(Operation::Lease, self.0.store.lease(leases))
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        // Also after `forget`, which a fill under way must not outwit.
        self.know(fills.iter().map(|fill| &fill.key));
        self.passing(Operation::Fill, self.0.store.fill(fills))
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        self.passing(Operation::Release, self.0.store.release(leases))
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        self.passing(Operation::Invalidate, self.0.store.invalidate(keys))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        for fence in fences {
            let mut known = self.0.known.lock();
            known.entry(fence.key.clone()).or_default().insert(fence.token);
        }
        self.passing(Operation::Fence, self.0.store.fence(fences))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.passing(Operation::Renew, self.0.store.renew(fences, expiry))
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        self.know(lifts.iter().map(|lift| &lift.key));
        self.passing(Operation::Lift, self.0.store.lift(lifts))
    }

    fn inspect<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<Inspection>> {
        self.0.store.inspect(key)
    }

    fn declare<'a>(
        &'a self,
        table: &'a EntryKey,
        service: &'a str,
        text: &'a str,
        life: Duration,
    ) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        self.0.store.declare(table, service, text, life)
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        self.passing(Operation::Mark, self.0.store.time())
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.passing(Operation::Mark, self.0.store.mark(marks))
    }
}
