//! Async Diesel connections in a deadpool pool.

use deadpool::managed::{Manager, Object, Pool};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, TransactionManager,
};
use futures_util::TryStreamExt as _;

use crate::ports::database::{Database, Dialect, Load, Write, Written};
use crate::ports::model::FromRow;
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

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        let mut connection = self.connection().await?;
        rows(&mut *connection, load).await
    }

    async fn write<U: FromRow<C::Backend>>(
        &self,
        write: Write<C::Backend, U>,
    ) -> Result<Written<U>> {
        let mut connection = self.connection().await?;
        let connection = &mut *connection;
        AnsiTransactionManager::begin_transaction_sql(
            connection,
            <C::Backend as Dialect>::BEGIN_WRITE,
        )
        .await?;
        match written(connection, write).await {
            Ok(written) => {
                AnsiTransactionManager::commit_transaction(connection).await?;
                Ok(written)
            }
            Err(error) => {
                // The first error tells more than a failed rollback would; the pool
                // drops a connection that is left broken.
                let _ = AnsiTransactionManager::rollback_transaction(connection).await;
                Err(error)
            }
        }
    }

    async fn check(&self) -> Result<()> {
        self.connection().await.map(drop)
    }
}

async fn written<C, U>(connection: &mut C, write: Write<C::Backend, U>) -> Result<Written<U>>
where
    C: AsyncConnectionCore<Backend: Dialect>,
    U: FromRow<C::Backend>,
{
    let before = match write.before {
        Some(before) => rows(connection, before.locking()).await?,
        None => Vec::new(),
    };
    let after = rows(connection, write.change).await?;
    Ok(Written { before, after })
}

async fn rows<C, U>(connection: &mut C, load: Load<C::Backend, U>) -> Result<Vec<U>>
where
    C: AsyncConnectionCore<Backend: Dialect>,
    U: FromRow<C::Backend>,
{
    let mut stream = std::pin::pin!(connection.load(load).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(U::from_row(&row).map_err(diesel::result::Error::DeserializationError)?);
    }
    Ok(rows)
}
