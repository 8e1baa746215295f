//! The real store, with a point before, in and after each call; and naive builds of it, which
//! the rig has to find out.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use cache_runtime::{EntryKey, Result, Token};

use crate::failpoints::{Failpoints, Step};

/// How a naive build writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naive {
    /// It is none.
    No,
    /// A write deletes, or sets, without a fence around its commit.
    NoFence,
    /// A write sets its row whatever other writes do.
    BlindPut,
    /// A reader sets what it has read, whatever happened since.
    BlindFill,
}

/// A store whose calls pass points.
pub(crate) struct ChaoticStore<S> {
    inner: S,
    points: Arc<Failpoints>,
    naive: Naive,
}

impl<S: Store> ChaoticStore<S> {
    pub(crate) fn new(inner: S, points: Arc<Failpoints>, naive: Naive) -> Self {
        Self { inner, points, naive }
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        step: Step,
        call: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(self.points.around(step, call))
    }

    /// What `SET` would do, in the terms of the port: takes the lease anew, so that nothing that
    /// came since the value was read is noticed.
    async fn set(&self, mut fills: Vec<Fill>) -> Result<Vec<Filled>> {
        let expiry = Duration::from_secs(1);
        let lease = |fill: &Fill| Lease {
            key: fill.key.clone(),
            token: fill.token,
            expiry,
            force: true,
            fingerprint: 0,
        };
        let leases: Vec<Lease> = fills.iter().map(lease).collect();
        self.inner.lease(&leases).await?;
        // As if nothing could be newer.
        fills.iter_mut().for_each(|fill| fill.version = None);
        self.inner.fill(fills).await
    }

    async fn lift_and_set(&self, lifts: Vec<Lift>) -> Result<Vec<bool>> {
        let mut sets = Vec::new();
        let mut plain = Vec::with_capacity(lifts.len());
        for Lift { key, token, put } in lifts {
            if let Some(put) = put {
                let (key, payload, life) = (key.clone(), put.payload, put.life);
                sets.push(Fill { key, token, payload, version: None, life });
            }
            plain.push(Lift { key, token, put: None });
        }
        let answers = self.inner.lift(plain).await?;
        self.set(sets).await?;
        Ok(answers)
    }
}

impl<S: Store> Store for ChaoticStore<S> {
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
        self.around(Step::Get, self.inner.get(keys))
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        self.around(Step::Lease, self.inner.lease(leases))
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        match self.naive {
            Naive::BlindFill => self.around(Step::Fill, Box::pin(self.set(fills))),
            _ => self.around(Step::Fill, self.inner.fill(fills)),
        }
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        self.inner.release(leases)
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        self.around(Step::Invalidate, self.inner.invalidate(keys))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        if self.naive == Naive::NoFence {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let times = vec![u64::try_from(now.as_micros()).unwrap_or(u64::MAX); fences.len()];
            return self.around(Step::Fence, Box::pin(async { Ok(times) }));
        }
        self.around(Step::Fence, self.inner.fence(fences))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.around(Step::Renew, self.inner.renew(fences, expiry))
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        match self.naive {
            Naive::BlindPut => self.around(Step::Lift, Box::pin(self.lift_and_set(lifts))),
            _ => self.around(Step::Lift, self.inner.lift(lifts)),
        }
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        self.inner.time()
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.mark(marks)
    }
}
