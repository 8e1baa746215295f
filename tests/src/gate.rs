//! Named points at which a test can hold an operation, and decorators of the
//! ports that pass them. Production code has no hooks: its ports are the points.
//!
//! Points: `load`, `begin`, `statement`, `commit` on the database; `get`, `lease`, `fill`,
//! `release`, `invalidate`, `fence`, `renew`, `lift` on the store; each with `:before` and
//! `:after`.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Database, Fence, Fill, Filled, Form, FromRow, Inspection, Lease, Leased, Lift, Load,
    Mark, Payload, Store, StoreFacts, Transaction,
};
use cache_runtime::{EntryKey, Error, ErrorKind, Result, Token};
use tokio::sync::Semaphore;

/// Holds the next operation that comes by a point.
#[derive(Clone)]
pub struct Hold {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Hold {
    /// Waits until an operation stands at the point; false if none came.
    pub async fn reached(&self) -> bool {
        match tokio::time::timeout(Duration::from_secs(5), self.arrived.acquire()).await {
            Ok(permit) => permit.map(tokio::sync::SemaphorePermit::forget).is_ok(),
            Err(_) => false,
        }
    }

    /// Lets the operation go on.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    async fn wait(&self) {
        self.opened.acquire().await.expect("never closed").forget();
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }
}

/// The points of one process under test.
#[derive(Clone, Default)]
pub struct Gate {
    holds: Arc<Mutex<HashMap<&'static str, Hold>>>,
    failing: Arc<Mutex<HashMap<&'static str, ErrorKind>>>,
    late: Arc<Mutex<HashMap<&'static str, Hold>>>,
    passed: Arc<Mutex<HashMap<&'static str, Arc<AtomicUsize>>>>,
}

impl Gate {
    /// Holds the next operation at this point.
    pub fn hold(&self, point: &'static str) -> Hold {
        let hold = Hold::default();
        self.holds.lock().unwrap().insert(point, hold.clone());
        hold
    }

    /// Makes every operation at this point fail from now on.
    pub fn fail(&self, point: &'static str) {
        self.fail_as(point, ErrorKind::Store);
    }

    /// The same, with an error of this kind.
    pub fn fail_as(&self, point: &'static str, kind: ErrorKind) {
        self.failing.lock().unwrap().insert(point, kind);
    }

    /// Gives the next caller of this operation (`fence` or `commit`) an error at once, and
    /// executes it when the hold is opened.
    pub fn late(&self, operation: &'static str) -> Hold {
        let hold = Hold::default();
        self.late.lock().unwrap().insert(operation, hold.clone());
        hold
    }

    fn is_late(&self, operation: &'static str) -> Option<Hold> {
        let hold = self.late.lock().unwrap().remove(operation)?;
        hold.arrived.add_permits(1);
        Some(hold)
    }

    /// Undoes [`fail`](Self::fail).
    pub fn mend(&self, point: &'static str) {
        self.failing.lock().unwrap().remove(point);
    }

    /// How many operations came by this point.
    pub fn passed(&self, point: &'static str) -> usize {
        self.counter(point).load(Ordering::SeqCst)
    }

    /// Counts from here on: what `build()` asked the catalogue is not of interest.
    pub fn start_counting(&self) {
        self.passed.lock().unwrap().clear();
    }

    fn counter(&self, point: &'static str) -> Arc<AtomicUsize> {
        self.passed.lock().unwrap().entry(point).or_default().clone()
    }

    async fn pass(&self, point: &'static str) -> Result<()> {
        self.counter(point).fetch_add(1, Ordering::SeqCst);
        let hold = self.holds.lock().unwrap().remove(point);
        if let Some(hold) = hold {
            hold.arrived.add_permits(1);
            hold.wait().await;
        }
        match self.failing.lock().unwrap().get(point) {
            Some(kind) => Err(Error::new(*kind, format!("planted at {point}"))),
            None => Ok(()),
        }
    }
}

/// A store whose operations come by the gate.
pub struct GatedStore {
    inner: Arc<dyn Store>,
    gate: Gate,
}

impl GatedStore {
    /// Decorates `inner`. Its `peek` is hidden, so that every read passes.
    pub fn new(inner: Arc<dyn Store>, gate: Gate) -> Self {
        Self { inner, gate }
    }

    fn gated<'a, T: Send + 'a>(
        &'a self,
        before: &'static str,
        after: &'static str,
        operation: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            self.gate.pass(before).await?;
            let answer = operation.await?;
            self.gate.pass(after).await?;
            Ok(answer)
        })
    }
}

impl Store for GatedStore {
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
        self.gated("get:before", "get:after", self.inner.get(keys))
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        self.gated("lease:before", "lease:after", self.inner.lease(leases))
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        self.gated("fill:before", "fill:after", self.inner.fill(fills))
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        self.gated("release:before", "release:after", self.inner.release(leases))
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        self.gated("invalidate:before", "invalidate:after", self.inner.invalidate(keys))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        if let Some(hold) = self.gate.is_late("fence") {
            let (inner, fences) = (self.inner.clone(), fences.to_vec());
            tokio::spawn(async move {
                hold.wait().await;
                inner.fence(&fences).await
            });
            return Box::pin(async { Err(Error::new(ErrorKind::Store, "planted: late")) });
        }
        self.gated("fence:before", "fence:after", self.inner.fence(fences))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.gated("renew:before", "renew:after", self.inner.renew(fences, expiry))
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        self.gated("lift:before", "lift:after", self.inner.lift(lifts))
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        self.gated("time:before", "time:after", self.inner.time())
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.gated("mark:before", "mark:after", self.inner.mark(marks))
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
}

/// A database whose operations come by the gate.
#[derive(Clone)]
pub struct GatedDatabase<D> {
    inner: D,
    gate: Gate,
}

impl<D> GatedDatabase<D> {
    /// Decorates `inner`.
    pub fn new(inner: D, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<D: Database> Database for GatedDatabase<D> {
    type Backend = D::Backend;
    type Transaction = GatedTransaction<D::Transaction>;

    async fn load<U: FromRow<D::Backend>>(&self, load: Load<D::Backend, U>) -> Result<Vec<U>> {
        self.gate.pass("load:before").await?;
        let rows = self.inner.load(load).await?;
        self.gate.pass("load:after").await?;
        Ok(rows)
    }

    async fn begin(&self) -> Result<GatedTransaction<D::Transaction>> {
        self.gate.pass("begin:before").await?;
        let inner = self.inner.begin().await?;
        let transaction = GatedTransaction { inner, gate: self.gate.clone() };
        self.gate.pass("begin:after").await?;
        Ok(transaction)
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.check()
    }
}

/// A transaction whose operations come by the gate.
pub struct GatedTransaction<T> {
    inner: T,
    gate: Gate,
}

impl<T: Transaction> Transaction for GatedTransaction<T> {
    type Backend = T::Backend;

    async fn load<U: FromRow<T::Backend>>(&mut self, load: Load<T::Backend, U>) -> Result<Vec<U>> {
        self.gate.pass("statement:before").await?;
        let rows = self.inner.load(load).await?;
        self.gate.pass("statement:after").await?;
        Ok(rows)
    }

    fn execute(&mut self, sql: &'static str) -> impl Future<Output = Result<()>> + Send {
        self.inner.execute(sql)
    }

    fn save(&mut self) -> impl Future<Output = Result<()>> + Send {
        self.inner.save()
    }

    fn end_save(&mut self, keep: bool) -> impl Future<Output = Result<()>> + Send {
        self.inner.end_save(keep)
    }

    async fn commit(self) -> Result<()> {
        if let Some(hold) = self.gate.is_late("commit") {
            tokio::spawn(async move {
                hold.wait().await;
                self.inner.commit().await
            });
            return Err(Error::new(ErrorKind::CommitUnknown, "planted: late"));
        }
        self.gate.pass("commit:before").await?;
        self.inner.commit().await?;
        self.gate.pass("commit:after").await
    }

    fn rollback(self) -> impl Future<Output = Result<()>> + Send {
        self.inner.rollback()
    }
}
