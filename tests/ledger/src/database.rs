//! The real database, with a point before, in and after each call of a transaction.

use std::any::type_name;
use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;

use cache_runtime::Result;
use cache_runtime::ports::{Database, FromRow, Load, Transaction};

use crate::failpoints::{Call, Failpoints};
use crate::trace::MARK;

/// A database whose transactions pass points.
#[derive(Clone)]
pub(crate) struct Mortal<D> {
    inner: D,
    points: Arc<Failpoints>,
}

impl<D> Mortal<D> {
    pub(crate) fn new(inner: D, points: Arc<Failpoints>) -> Self {
        Self { inner, points }
    }
}

impl<D: Database> Database for Mortal<D> {
    type Backend = D::Backend;
    type Transaction = MortalTransaction<D::Transaction>;

    fn load<U: FromRow<D::Backend>>(
        &self,
        load: Load<D::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send {
        self.inner.load(load)
    }

    async fn begin(&self) -> Result<MortalTransaction<D::Transaction>> {
        let inner = self.points.around(Call::Begin, self.inner.begin()).await?;
        Ok(MortalTransaction { inner, points: self.points.clone() })
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.check()
    }
}

/// A transaction whose calls pass points.
pub(crate) struct MortalTransaction<T> {
    inner: T,
    points: Arc<Failpoints>,
}

/// Which statement it is, as far as what it returns tells. A point that is told wrongly is never
/// reached, or by another step; the counts of the run show the first, and the second is still a kill.
fn call<U>() -> Call {
    match type_name::<U>().rsplit("::").next() {
        Some("String") => Call::Own,
        Some("Cells") => Call::Numbers,
        Some("Pending") => Call::Pending,
        _ => Call::Rows,
    }
}

impl<T: Transaction> Transaction for MortalTransaction<T> {
    type Backend = T::Backend;

    async fn load<U: FromRow<T::Backend>>(&mut self, load: Load<T::Backend, U>) -> Result<Vec<U>> {
        self.points.around(call::<U>(), self.inner.load(load)).await
    }

    fn execute(&mut self, sql: &'static str) -> impl Future<Output = Result<()>> + Send {
        self.inner.execute(sql)
    }

    async fn save(&mut self) -> Result<()> {
        self.points.around(Call::Save, self.inner.save()).await
    }

    fn end_save(&mut self, keep: bool) -> impl Future<Output = Result<()>> + Send {
        self.inner.end_save(keep)
    }

    async fn commit(self) -> Result<()> {
        if self.points.marks {
            // Without it a trace lacks a commit, and the acknowledgement counts as one without a sync.
            let _ = std::io::stderr().write_all(format!("{MARK}\n").as_bytes());
        }
        self.points.around(Call::Commit, self.inner.commit()).await
    }

    fn rollback(self) -> impl Future<Output = Result<()>> + Send {
        self.inner.rollback()
    }
}
