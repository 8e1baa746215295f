//! The database and the store with a clock at each step of a group of writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_rig::{Around, StoreCall};
use cache_runtime::Result;
use cache_runtime::ports::{BoxFuture, Database, FromRow, Load, Transaction};

/// A step of a group of writes, as the ports see it. Statements have no names there; their places in
/// the transaction tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    /// The first statement, the second, and so on.
    Statement(usize),
    Fence,
    Commit,
    Lift,
}

/// Statements past this many are counted together.
const STATEMENTS: usize = 6;

impl Step {
    fn at(self) -> usize {
        match self {
            Self::Begin => 0,
            Self::Fence => 1,
            Self::Commit => 2,
            Self::Lift => 3,
            Self::Statement(number) => 4 + number.min(STATEMENTS - 1),
        }
    }
}

/// How often each step was taken, and how long that took in all.
#[derive(Default)]
pub(crate) struct Timings([(AtomicU64, AtomicU64); 4 + STATEMENTS]);

impl Timings {
    async fn around<T>(&self, step: Step, call: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = call.await;
        if let Some((count, nanos)) = self.0.get(step.at()) {
            count.fetch_add(1, Ordering::Relaxed);
            let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            nanos.fetch_add(took, Ordering::Relaxed);
        }
        answer
    }

    /// What was counted since it was last asked.
    pub(crate) fn take(&self) -> Taken {
        Taken(std::array::from_fn(|at| {
            self.0.get(at).map_or((0, Duration::ZERO), |(count, nanos)| {
                let nanos = Duration::from_nanos(nanos.swap(0, Ordering::Relaxed));
                (count.swap(0, Ordering::Relaxed), nanos)
            })
        }))
    }
}

/// How often each step was taken, and how long that took in all.
pub(crate) struct Taken([(u64, Duration); 4 + STATEMENTS]);

impl Taken {
    pub(crate) fn count(&self, step: Step) -> u64 {
        self.0.get(step.at()).map_or(0, |(count, _)| *count)
    }

    /// In microseconds.
    pub(crate) fn micros(&self, step: Step) -> f64 {
        self.0.get(step.at()).map_or(0.0, |(_, took)| took.as_secs_f64() * 1e6)
    }

    /// How many statements those transactions have that have most.
    pub(crate) fn statements(&self) -> usize {
        (0..STATEMENTS).filter(|number| self.count(Step::Statement(*number)) > 0).count()
    }
}

/// A database that is timed where somebody wants to know.
#[derive(Clone)]
pub(crate) struct Timed<D> {
    pub(crate) inner: D,
    pub(crate) timings: Option<Arc<Timings>>,
}

async fn timed<T>(timings: &Option<Arc<Timings>>, step: Step, call: impl Future<Output = T>) -> T {
    match timings {
        Some(timings) => timings.around(step, call).await,
        None => call.await,
    }
}

impl<D: Database> Database for Timed<D> {
    type Backend = D::Backend;
    type Transaction = TimedTransaction<D::Transaction>;

    fn load<U: FromRow<D::Backend>>(
        &self,
        load: Load<D::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send {
        self.inner.load(load)
    }

    async fn begin(&self) -> Result<TimedTransaction<D::Transaction>> {
        let inner = timed(&self.timings, Step::Begin, self.inner.begin()).await?;
        Ok(TimedTransaction { inner, timings: self.timings.clone(), statements: 0 })
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.check()
    }
}

/// A transaction that is timed.
pub(crate) struct TimedTransaction<T> {
    inner: T,
    timings: Option<Arc<Timings>>,
    statements: usize,
}

impl<T: Transaction> Transaction for TimedTransaction<T> {
    type Backend = T::Backend;

    async fn load<U: FromRow<T::Backend>>(&mut self, load: Load<T::Backend, U>) -> Result<Vec<U>> {
        let step = Step::Statement(self.statements);
        self.statements += 1;
        timed(&self.timings, step, self.inner.load(load)).await
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
        timed(&self.timings, Step::Commit, self.inner.commit()).await
    }

    fn rollback(self) -> impl Future<Output = Result<()>> + Send {
        self.inner.rollback()
    }
}

/// A store that is timed.
pub(crate) struct TimedStore(pub(crate) Arc<Timings>);

impl Around for TimedStore {
    fn around<'a, T: Send + 'a>(
        &'a self,
        call: StoreCall,
        run: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        match call {
            StoreCall::Invalidate => run,
            StoreCall::Fence => Box::pin(self.0.around(Step::Fence, run)),
            StoreCall::Lift => Box::pin(self.0.around(Step::Lift, run)),
        }
    }
}
