//! Any Diesel connection in an r2d2 pool. Statements run on tokio's blocking threads.

use std::sync::Arc;

use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, LoadConnection, TransactionManager};
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection, R2D2Connection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ports::database::{Database, Dialect, RawTransaction, Transaction};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::ports::savepoint::end_save;
use crate::values::error::{Error, ErrorKind, Result};

type Pooled<C> = PooledConnection<ConnectionManager<C>>;

/// A database behind an r2d2 pool.
pub struct R2d2<C: R2D2Connection + 'static> {
    pool: Pool<ConnectionManager<C>>,
    /// One for each connection. Who waits for a connection waits here, and not on one of
    /// tokio's threads: a transaction under way needs those to come to its end.
    seats: Arc<Semaphore>,
}

impl<C: R2D2Connection + 'static> R2d2<C> {
    /// Uses this pool.
    pub fn new(pool: Pool<ConnectionManager<C>>) -> Self {
        let seats = Arc::new(Semaphore::new(pool.max_size() as usize));
        Self { pool, seats }
    }

    async fn seat(&self) -> Result<Seated<C>> {
        // As patient as the pool itself: who holds the last connection and asks for another would
        // wait for ever.
        let seat = self.seats.clone().acquire_owned();
        let seat = tokio::time::timeout(self.pool.connection_timeout(), seat).await;
        let permit = seat.map_err(no_connection)?.map_err(no_connection)?;
        Ok(Seated { pool: self.pool.clone(), connection: None, _permit: permit })
    }
}

impl<C: R2D2Connection + 'static> Clone for R2d2<C> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), seats: self.seats.clone() }
    }
}

/// A seat, and the connection if it was taken. It travels to a blocking thread and back, so
/// that a caller that goes away leaves both with the statement.
struct Seated<C: R2D2Connection + 'static> {
    pool: Pool<ConnectionManager<C>>,
    connection: Option<Pooled<C>>,
    _permit: OwnedSemaphorePermit,
}

impl<C: R2D2Connection + 'static> Seated<C> {
    fn connection(&mut self) -> Result<&mut Pooled<C>> {
        if self.connection.is_none() {
            self.connection = Some(self.pool.get().map_err(no_connection)?);
        }
        self.connection.as_mut().ok_or_else(gone)
    }

    /// Checkout and work are one hop, so that no connection waits for a thread.
    async fn run<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut C) -> Result<T> + Send + 'static,
    ) -> (Option<Self>, Result<T>) {
        let job = move || {
            let result = self.connection().and_then(|connection| work(connection));
            (self, result)
        };
        match tokio::task::spawn_blocking(job).await {
            Ok((seated, result)) => (Some(seated), result),
            Err(source) => (None, Err(gone().with_source(source))),
        }
    }
}

impl<C> Database for R2d2<C>
where
    C: R2D2Connection
        + LoadConnection
        + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
        + 'static,
{
    type Backend = C::Backend;
    type Transaction = R2d2Transaction<C>;

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        self.seat().await?.run(move |connection| load.on(connection)).await.1
    }

    async fn begin(&self) -> Result<R2d2Transaction<C>> {
        // BEGIN is sent with the first statement, which spares a hop.
        Ok(R2d2Transaction { seated: Some(self.seat().await?), begun: false })
    }

    async fn check(&self) -> Result<()> {
        self.seat().await?.run(|_| Ok(())).await.1
    }
}

/// A transaction on a connection of an r2d2 pool.
///
/// Dropped, it gives a connection back that is in the middle of a transaction; Diesel tells
/// r2d2 that such a one is broken, and r2d2 closes it, which rolls back.
pub struct R2d2Transaction<C: R2D2Connection + 'static> {
    seated: Option<Seated<C>>,
    begun: bool,
}

impl<C> RawTransaction for R2d2Transaction<C>
where
    C: R2D2Connection
        + LoadConnection
        + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
        + 'static,
{
    type Connection = C;

    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut C) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let seated = self.seated.take().ok_or_else(gone)?;
        let begun = std::mem::replace(&mut self.begun, true);
        let (seated, result) = seated
            .run(move |connection| {
                if !begun {
                    let sql = <C::Backend as Dialect>::BEGIN_WRITE;
                    AnsiTransactionManager::begin_transaction_sql(connection, sql)?;
                }
                work(connection)
            })
            .await;
        self.seated = seated;
        result
    }
}

impl<C> Transaction for R2d2Transaction<C>
where
    C: R2D2Connection
        + LoadConnection
        + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
        + 'static,
{
    type Backend = C::Backend;

    async fn load<U: FromRow<C::Backend>>(&mut self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        self.run(move |connection| load.on(connection)).await
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.run(move |connection| Ok(connection.batch_execute(sql)?)).await
    }

    async fn save(&mut self) -> Result<()> {
        // Within a transaction, Diesel's manager makes a savepoint of it.
        self.run(|connection| Ok(AnsiTransactionManager::begin_transaction(connection)?)).await
    }

    async fn end_save(&mut self, keep: bool) -> Result<()> {
        self.run(move |connection| Ok(end_save(connection, keep)?)).await
    }

    async fn commit(mut self) -> Result<()> {
        self.run(|connection| {
            AnsiTransactionManager::commit_transaction(connection).map_err(Error::from_commit)
        })
        .await
    }

    async fn rollback(mut self) -> Result<()> {
        if !self.begun {
            return Ok(());
        }
        self.run(|connection| Ok(AnsiTransactionManager::rollback_transaction(connection)?)).await
    }
}

fn no_connection(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Pool,
        "no database connection could be had; is the database up, and is the pool large enough \
         for the load",
    )
    .with_source(source)
}

fn gone() -> Error {
    Error::new(ErrorKind::Abandoned, "the thread of a database statement ended early")
}
