//! Async Diesel connections in a deadpool pool.

use deadpool::managed::{Manager, Object, Pool};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, TransactionManager,
};
use futures_util::TryStreamExt as _;

use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::load::{Load, Step};
use crate::ports::model::FromRow;
use crate::ports::savepoint::probe;
use crate::ports::statement::Statement;
use crate::values::error::{Error, ErrorKind, Result};

/// A database behind a deadpool pool of async connections of type `C`.
pub type DieselAsync<C> = Deadpool<AsyncDieselConnectionManager<C>>;

/// A database behind a deadpool pool, whatever manages it.
pub struct Deadpool<M: Manager>(Pool<M>);

impl<M: Manager> Deadpool<M> {
    /// Uses this pool.
    pub fn new(pool: Pool<M>) -> Self {
        Self(pool)
    }
}

impl<M: Manager> Clone for Deadpool<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Deadpool<M>
where
    M: Manager<Error: std::error::Error + Send + Sync + 'static>,
{
    async fn connection(&self) -> Result<Object<M>> {
        self.0.get().await.map_err(|source| {
            Error::new(
                ErrorKind::Pool,
                "no database connection could be had; is the database up, and is the pool large \
                 enough for the load",
            )
            .with_source(source)
        })
    }
}

impl<M, C> Database for Deadpool<M>
where
    M: Manager<Type = C, Error: std::error::Error + Send + Sync + 'static> + 'static,
    C: AsyncConnection<TransactionManager = AnsiTransactionManager>
        + AsyncConnectionCore<Backend: Dialect>
        + 'static,
{
    type Backend = C::Backend;
    type Transaction = DeadpoolTransaction<M>;

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        let mut connection = self.connection().await?;
        rows(&mut *connection, load).await
    }

    async fn begin(&self) -> Result<DeadpoolTransaction<M>> {
        let mut connection = self.connection().await?;
        let sql = <C::Backend as Dialect>::BEGIN_WRITE;
        AnsiTransactionManager::begin_transaction_sql(&mut *connection, sql).await?;
        Ok(DeadpoolTransaction { connection: Some(connection) })
    }

    async fn check(&self) -> Result<()> {
        self.connection().await.map(drop)
    }
}

/// A transaction on a connection of a deadpool pool.
pub struct DeadpoolTransaction<M: Manager> {
    connection: Option<Object<M>>,
}

impl<M: Manager> DeadpoolTransaction<M> {
    /// The transaction's connection.
    pub(crate) fn connection(&mut self) -> Result<&mut M::Type> {
        self.connection.as_deref_mut().ok_or_else(|| {
            Error::new(ErrorKind::Abandoned, "the transaction of this connection is over")
        })
    }
}

impl<M: Manager> Drop for DeadpoolTransaction<M> {
    fn drop(&mut self) {
        // In the pool it would hold its locks until somebody took it out again.
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

impl<M, C> Transaction for DeadpoolTransaction<M>
where
    M: Manager<Type = C> + 'static,
    C: AsyncConnection<TransactionManager = AnsiTransactionManager>
        + AsyncConnectionCore<Backend: Dialect>
        + 'static,
{
    type Backend = C::Backend;

    async fn load<U: FromRow<C::Backend>>(&mut self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        rows(self.connection()?, load).await
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        Ok(self.connection()?.batch_execute(sql).await?)
    }

    async fn save(&mut self) -> Result<()> {
        // Within a transaction, Diesel's manager makes a savepoint of it.
        Ok(AnsiTransactionManager::begin_transaction(self.connection()?).await?)
    }

    async fn end_save(&mut self, keep: bool) -> Result<()> {
        let connection = self.connection()?;
        if keep {
            AnsiTransactionManager::commit_transaction(connection).await?;
        } else {
            let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
            if let Some(sql) = probe::<C::Backend>(status) {
                connection.batch_execute(&sql).await?;
            }
            AnsiTransactionManager::rollback_transaction(connection).await?;
        }
        Ok(())
    }

    async fn commit(mut self) -> Result<()> {
        let connection = self.connection()?;
        if let Err(error) = AnsiTransactionManager::commit_transaction(connection).await {
            return Err(Error::from_commit(answered(connection, error).await));
        }
        // Back to the pool.
        drop(self.connection.take());
        Ok(())
    }

    async fn rollback(mut self) -> Result<()> {
        AnsiTransactionManager::rollback_transaction(self.connection()?).await?;
        drop(self.connection.take());
        Ok(())
    }
}

/// The failure of a COMMIT, and whether the server still answers: else nobody knows what became
/// of it. Diesel asks by a ROLLBACK, on PostgreSQL; on MySQL diesel-async does not.
async fn answered<C: AsyncConnection>(
    connection: &mut C,
    error: diesel::result::Error,
) -> diesel::result::Error {
    if matches!(error, diesel::result::Error::RollbackErrorOnCommit { .. }) {
        return error;
    }
    match connection.batch_execute("ROLLBACK").await {
        Ok(()) => error,
        Err(rollback) => diesel::result::Error::RollbackErrorOnCommit {
            rollback_error: Box::new(rollback),
            commit_error: Box::new(error),
        },
    }
}

async fn rows<C, U>(connection: &mut C, load: Load<C::Backend, U>) -> Result<Vec<U>>
where
    C: AsyncConnectionCore<Backend: Dialect>,
    U: FromRow<C::Backend>,
{
    let (mut rows, mut changed) = (Vec::new(), 0);
    for step in load.steps {
        match step {
            Step::Rows(select) => read(connection, select, &mut rows).await?,
            Step::Run(statement) => match connection.execute_returning_count(statement).await {
                Ok(count) => changed = count,
                Err(error) if load.expects.is_answered_by(&error) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            },
            Step::Again(selects) => {
                for select in selects(&std::mem::take(&mut rows)) {
                    read(connection, select, &mut rows).await?;
                }
            }
        }
    }
    load.expects.check(rows, changed)
}

async fn read<C, U>(
    connection: &mut C,
    statement: Statement<C::Backend>,
    rows: &mut Vec<U>,
) -> Result<()>
where
    C: AsyncConnectionCore<Backend: Dialect>,
    U: FromRow<C::Backend>,
{
    let mut stream = std::pin::pin!(connection.load(statement).await?);
    while let Some(row) = stream.try_next().await? {
        rows.push(U::from_row(&row).map_err(diesel::result::Error::DeserializationError)?);
    }
    Ok(())
}
