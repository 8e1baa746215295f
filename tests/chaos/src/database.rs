//! The real database, with a point before, in and after each call.

use std::future::Future;
use std::sync::Arc;

use cache_runtime::Result;
use cache_runtime::ports::{Database, FromRow, Load, Transaction};

use crate::failpoints::{Failpoints, Step};

/// A database whose calls pass points.
#[derive(Clone)]
pub(crate) struct Chaotic<D> {
    inner: D,
    points: Arc<Failpoints>,
}

impl<D> Chaotic<D> {
    pub(crate) fn new(inner: D, points: Arc<Failpoints>) -> Self {
        Self { inner, points }
    }
}

impl<D: Database> Database for Chaotic<D> {
    type Backend = D::Backend;
    type Transaction = ChaoticTransaction<D::Transaction>;

    async fn load<U: FromRow<D::Backend>>(&self, load: Load<D::Backend, U>) -> Result<Vec<U>> {
        self.points.around(Step::Load, self.inner.load(load)).await
    }

    async fn begin(&self) -> Result<ChaoticTransaction<D::Transaction>> {
        let inner = self.points.around(Step::Begin, self.inner.begin()).await?;
        Ok(ChaoticTransaction { inner, points: self.points.clone() })
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send {
        self.inner.check()
    }
}

/// A transaction whose calls pass points.
pub(crate) struct ChaoticTransaction<T> {
    inner: T,
    points: Arc<Failpoints>,
}

impl<T: Transaction> Transaction for ChaoticTransaction<T> {
    type Backend = T::Backend;

    async fn load<U: FromRow<T::Backend>>(&mut self, load: Load<T::Backend, U>) -> Result<Vec<U>> {
        self.points.around(Step::Statement, self.inner.load(load)).await
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
        let delay = self.points.delay_of_commit();
        let commit = async {
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
            self.inner.commit().await
        };
        self.points.around(Step::Commit, commit).await
    }

    fn rollback(self) -> impl Future<Output = Result<()>> + Send {
        self.inner.rollback()
    }
}
