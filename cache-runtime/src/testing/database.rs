//! A database that a test leaves as it found it.

use std::sync::Arc;
use std::time::Duration;

use diesel::Connection;
use diesel::connection::{
    AnsiTransactionManager, LoadConnection, TransactionManager, TransactionManagerStatus,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::ports::database::{Database, Dialect, RawTransaction, Transaction};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::ports::savepoint::end_save;
use crate::values::error::{Error, ErrorKind, Result};

/// How long to wait for the connection before the wait is taken for a deadlock.
const PATIENCE: Duration = Duration::from_secs(2);

/// Diesel's blocking connections to the databases that the cache knows.
pub trait TestConnection:
    LoadConnection
    + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
    + Send
    + 'static
{
}

impl<C> TestConnection for C where
    C: LoadConnection
        + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
        + Send
        + 'static
{
}

/// One connection, in a transaction that never commits.
///
/// - Everything sees what the test has written, and nobody else ever does.
/// - A transaction of the cache is a savepoint: it commits into the outer transaction, or is
///   undone. What a database checks at COMMIT alone, such as deferred constraints, is not checked.
/// - Statements outside a transaction are savepoints too, so that one that fails, on
///   PostgreSQL, does not take the test's transaction with it.
/// - With one connection, whoever reads past a transaction that is open waits for its end. In
///   the same task that would be for ever, so after [two seconds](Self::patience) it is an error.
pub struct TestDatabase<C> {
    slot: Arc<Mutex<Slot<C>>>,
    patience: Duration,
}

/// The connection, and how deep in transactions the test's own is.
struct Slot<C> {
    connection: C,
    base: u32,
}

type Seat<C> = OwnedMutexGuard<Slot<C>>;

impl<C> Clone for TestDatabase<C> {
    fn clone(&self) -> Self {
        Self { slot: self.slot.clone(), patience: self.patience }
    }
}

impl<C: TestConnection> TestDatabase<C> {
    /// Begins the transaction that never commits; one that is open already is used as it is. Run
    /// migrations before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Database`] if the connection refuses.
    pub fn new(mut connection: C) -> Result<Self> {
        if depth(&mut connection)? == 0 {
            connection.begin_test_transaction()?;
        }
        let base = depth(&mut connection)?;
        let slot = Arc::new(Mutex::new(Slot { connection, base }));
        Ok(Self { slot, patience: PATIENCE })
    }

    /// How long to wait for the connection, which a transaction or a statement holds, before it
    /// is an error; 2 s by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs raw Diesel on the connection, past the cache: to prepare rows, and to look at them.
    ///
    /// # Errors
    ///
    /// What `work` returns; it is undone then. [`ErrorKind::Pool`] while a transaction is open.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> diesel::QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        let work = move |connection: &mut C| Ok(connection.transaction(work)?);
        on(self.seat().await?, work).await.1
    }

    async fn seat(&self) -> Result<Seat<C>> {
        let seat = tokio::time::timeout(self.patience, self.slot.clone().lock_owned()).await;
        let mut seat = seat.map_err(|_| {
            Error::new(
                ErrorKind::Pool,
                "a transaction holds the one connection of this test; in it, read and write \
                 through `tx`, or end it first. If it is only slow, raise \
                 `TestDatabase::patience`",
            )
        })?;
        seat.undo_what_was_left()?;
        Ok(seat)
    }
}

impl<C: TestConnection> Slot<C> {
    /// A transaction that was dropped, or whose work panicked, has left its savepoints open.
    fn undo_what_was_left(&mut self) -> Result<()> {
        while depth(&mut self.connection)? > self.base {
            AnsiTransactionManager::rollback_transaction(&mut self.connection)?;
        }
        Ok(())
    }
}

fn depth<C: TestConnection>(connection: &mut C) -> Result<u32> {
    match AnsiTransactionManager::transaction_manager_status_mut(connection) {
        TransactionManagerStatus::Valid(status) => {
            Ok(status.transaction_depth().map_or(0, std::num::NonZeroU32::get))
        }
        TransactionManagerStatus::InError => Err(Error::new(
            ErrorKind::Database,
            "the test's connection is broken; a statement before this one has lost it",
        )),
    }
}

/// Runs `work` on a blocking thread. The seat travels there and back, so that a caller that goes
/// away leaves it with the statement.
async fn on<C: TestConnection, T: Send + 'static>(
    mut seat: Seat<C>,
    work: impl FnOnce(&mut C) -> Result<T> + Send + 'static,
) -> (Option<Seat<C>>, Result<T>) {
    let job = move || {
        let result = work(&mut seat.connection);
        (seat, result)
    };
    match tokio::task::spawn_blocking(job).await {
        Ok((seat, result)) => (Some(seat), result),
        Err(source) => (None, Err(gone().with_source(source))),
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Abandoned, "the thread of a database statement ended early")
}

impl<C: TestConnection> Database for TestDatabase<C> {
    type Backend = C::Backend;
    type Transaction = TestTransaction<C>;

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        let work =
            move |connection: &mut C| connection.transaction(|connection| load.on(connection));
        on(self.seat().await?, work).await.1
    }

    async fn begin(&self) -> Result<TestTransaction<C>> {
        let begin = |connection: &mut C| -> Result<()> {
            Ok(AnsiTransactionManager::begin_transaction(connection)?)
        };
        let (seat, begun) = on(self.seat().await?, begin).await;
        begun?;
        Ok(TestTransaction { seat })
    }

    async fn check(&self) -> Result<()> {
        self.seat().await.map(drop)
    }
}

/// A savepoint on the connection of a test. See [`TestDatabase`].
pub struct TestTransaction<C> {
    seat: Option<Seat<C>>,
}

impl<C: TestConnection> RawTransaction for TestTransaction<C> {
    type Connection = C;

    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut C) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (seat, result) = on(self.seat.take().ok_or_else(gone)?, work).await;
        self.seat = seat;
        result
    }
}

impl<C: TestConnection> Transaction for TestTransaction<C> {
    type Backend = C::Backend;

    async fn load<U: FromRow<C::Backend>>(&mut self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        self.run(move |connection| load.on(connection)).await
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.run(move |connection| Ok(connection.batch_execute(sql)?)).await
    }

    async fn save(&mut self) -> Result<()> {
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
        self.run(|connection| Ok(AnsiTransactionManager::rollback_transaction(connection)?)).await
    }
}
