//! Decorators of the ports that tell a recorder what comes by.

use std::sync::Arc;
use std::time::Duration;

use super::recorder::{Recorder, Seen};
use crate::ports::BoxFuture;
use crate::ports::database::{Database, Dialect, RawTransaction, Transaction};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::ports::store::{
    Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use crate::values::error::Result;
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// A store whose answers are recorded, by entry. Made by [`Recorder::store`].
pub struct RecordingStore {
    inner: Arc<dyn Store>,
    recorder: Recorder,
}

impl RecordingStore {
    pub(super) fn new(inner: Arc<dyn Store>, recorder: Recorder) -> Self {
        Self { inner, recorder }
    }

    fn found(&self, key: &EntryKey, payload: Option<&Payload>) {
        self.recorder.see(key, |seen| match payload {
            Some(_) => seen.hits += 1,
            None => seen.misses += 1,
        });
    }
}

fn fence(seen: &mut Seen) {
    seen.fences += 1;
}

impl Store for RecordingStore {
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
        let peeked = self.inner.peek(key)?;
        self.found(key, peeked.as_ref());
        Some(peeked)
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        Box::pin(async move {
            let payloads = self.inner.get(keys).await?;
            keys.iter().zip(&payloads).for_each(|(key, payload)| self.found(key, payload.as_ref()));
            Ok(payloads)
        })
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        Box::pin(async move {
            let answers = self.inner.lease(leases).await?;
            for (lease, answer) in leases.iter().zip(&answers) {
                if let Leased::Hit(payload) = answer {
                    self.found(&lease.key, Some(payload));
                }
            }
            Ok(answers)
        })
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        Box::pin(async move {
            let keys: Vec<EntryKey> = fills.iter().map(|fill| fill.key.clone()).collect();
            let answers = self.inner.fill(fills).await?;
            for (key, answer) in keys.iter().zip(&answers) {
                self.recorder.see(key, |seen| match answer {
                    Filled::Accepted => seen.fills += 1,
                    _ => seen.refused += 1,
                });
            }
            Ok(answers)
        })
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        self.inner.release(leases)
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.inner.invalidate(keys).await?;
            keys.iter().for_each(|key| self.recorder.see(key, |seen| seen.invalidations += 1));
            Ok(())
        })
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        Box::pin(async move {
            let times = self.inner.fence(fences).await?;
            fences.iter().for_each(|placed| self.recorder.see(&placed.key, fence));
            Ok(times)
        })
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.renew(fences, expiry)
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        Box::pin(async move {
            let keys: Vec<EntryKey> = lifts.iter().map(|lift| lift.key.clone()).collect();
            let puts = self.inner.lift(lifts).await?;
            for (key, put) in keys.iter().zip(&puts) {
                self.recorder.see(key, |seen| match put {
                    true => seen.puts += 1,
                    false => seen.invalidations += 1,
                });
            }
            Ok(puts)
        })
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

/// A database whose statements are recorded. Made by [`Recorder::database`].
#[derive(Clone)]
pub struct RecordingDatabase<D> {
    inner: D,
    recorder: Recorder,
}

impl<D> RecordingDatabase<D> {
    pub(super) fn new(inner: D, recorder: Recorder) -> Self {
        Self { inner, recorder }
    }

    /// The database itself.
    pub fn inner(&self) -> &D {
        &self.inner
    }
}

fn text<DB: Dialect, U>(load: &Load<DB, U>) -> String {
    diesel::debug_query::<DB, _>(load).to_string()
}

impl<D: Database> Database for RecordingDatabase<D> {
    type Backend = D::Backend;
    type Transaction = RecordingTransaction<D::Transaction>;

    fn load<U: FromRow<D::Backend>>(
        &self,
        load: Load<D::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send {
        self.recorder.state(text(&load));
        self.inner.load(load)
    }

    async fn begin(&self) -> Result<RecordingTransaction<D::Transaction>> {
        self.recorder.state("BEGIN");
        let inner = self.inner.begin().await?;
        Ok(RecordingTransaction { inner, recorder: self.recorder.clone() })
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.check()
    }
}

/// A transaction whose statements are recorded.
pub struct RecordingTransaction<T> {
    inner: T,
    recorder: Recorder,
}

impl<T: Transaction> Transaction for RecordingTransaction<T> {
    type Backend = T::Backend;

    fn load<U: FromRow<T::Backend>>(
        &mut self,
        load: Load<T::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send {
        self.recorder.state(text(&load));
        self.inner.load(load)
    }

    fn execute(&mut self, sql: &'static str) -> impl Future<Output = Result<()>> + Send {
        self.recorder.state(sql);
        self.inner.execute(sql)
    }

    fn save(&mut self) -> impl Future<Output = Result<()>> + Send {
        self.recorder.state("SAVEPOINT");
        self.inner.save()
    }

    fn end_save(&mut self, keep: bool) -> impl Future<Output = Result<()>> + Send {
        self.recorder.state(if keep { "RELEASE" } else { "ROLLBACK TO" });
        self.inner.end_save(keep)
    }

    fn commit(self) -> impl Future<Output = Result<()>> + Send {
        self.recorder.state("COMMIT");
        self.inner.commit()
    }

    fn rollback(self) -> impl Future<Output = Result<()>> + Send {
        self.recorder.state("ROLLBACK");
        self.inner.rollback()
    }
}

/// Raw Diesel goes past the ports, and so past the recorder.
impl<T: RawTransaction> RawTransaction for RecordingTransaction<T> {
    type Connection = T::Connection;

    fn run<U: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut T::Connection) -> Result<U> + Send + 'static,
    ) -> impl Future<Output = Result<U>> + Send {
        self.inner.run(work)
    }
}
