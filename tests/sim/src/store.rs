//! The store, each request of which waits for the scheduler before it is executed and again
//! before it is answered.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Lease, Leased, Lift, Payload, Store, StoreFacts,
};
use cache_runtime::{EntryKey, Error, ErrorKind, Result, Token};

use crate::scheduler::{Fate, Kind, Sim};

pub struct SimStore {
    inner: Arc<dyn Store>,
    sim: Sim,
    process: usize,
}

impl SimStore {
    pub fn new(inner: Arc<dyn Store>, sim: Sim, process: usize) -> Self {
        Self { inner, sim, process }
    }

    fn request<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(Arc<dyn Store>) -> BoxFuture<'static, Result<T>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let (sim, process, inner) = (self.sim.clone(), self.process, self.inner.clone());
        Box::pin(async move {
            let lost = || Error::new(ErrorKind::Store, "planted by the simulation");
            let answer = match sim.ask(process, Kind::Store(name)).await {
                Fate::Done => sim.execute(work(inner)).await,
                Fate::Refused => Err(lost()),
                Fate::Unanswered => sim.execute(work(inner)).await.and(Err(lost())),
                Fate::Late => {
                    let late = sim.clone();
                    tokio::spawn(async move {
                        late.ask(process, Kind::Step("late request")).await;
                        late.execute(work(inner)).await
                    });
                    Err(lost())
                }
            };
            sim.ask(process, Kind::Step("answer")).await;
            answer
        })
    }
}

impl Store for SimStore {
    fn tier(&self) -> &'static str {
        self.inner.tier()
    }

    fn form(&self) -> Form {
        self.inner.form()
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        Box::pin(self.sim.execute(self.inner.start()))
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        let keys = keys.to_vec();
        self.request("get", |store| Box::pin(async move { store.get(&keys).await }))
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        let leases = leases.to_vec();
        self.request("lease", |store| Box::pin(async move { store.lease(&leases).await }))
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        self.request("fill", |store| Box::pin(async move { store.fill(fills).await }))
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        let leases = leases.to_vec();
        self.request("release", |store| Box::pin(async move { store.release(&leases).await }))
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        let keys = keys.to_vec();
        self.request("invalidate", |store| Box::pin(async move { store.invalidate(&keys).await }))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        let fences = fences.to_vec();
        self.request("fence", |store| Box::pin(async move { store.fence(&fences).await }))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        let fences = fences.to_vec();
        self.request("renew", move |store| {
            Box::pin(async move { store.renew(&fences, expiry).await })
        })
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        self.request("lift", |store| Box::pin(async move { store.lift(lifts).await }))
    }
}
