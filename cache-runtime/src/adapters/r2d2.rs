//! Any Diesel connection in an r2d2 pool. Statements run on tokio's blocking threads.

use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, LoadConnection, TransactionManager};
use diesel::r2d2::{ConnectionManager, Pool, R2D2Connection};

use crate::ports::database::{Database, Dialect, Load, Write, Written};
use crate::ports::model::FromRow;
use crate::values::error::{Error, ErrorKind, Result};

/// A database behind an r2d2 pool.
pub struct R2d2<C: R2D2Connection + 'static>(Pool<ConnectionManager<C>>);

impl<C: R2D2Connection + 'static> R2d2<C> {
    /// Uses this pool.
    pub fn new(pool: Pool<ConnectionManager<C>>) -> Self {
        Self(pool)
    }

    /// Checkout and work are one hop, so that no connection waits for a thread.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let pool = self.0.clone();
        let job = move || {
            let mut connection = pool.get().map_err(|source| {
                Error::new(
                    ErrorKind::Pool,
                    "no database connection could be had; is the database up, and is the pool \
                     large enough for the load",
                )
                .with_source(source)
            })?;
            work(&mut connection)
        };
        match tokio::task::spawn_blocking(job).await {
            Ok(result) => result,
            Err(source) => Err(Error::new(
                ErrorKind::Abandoned,
                "the thread of a database statement ended early",
            )
            .with_source(source)),
        }
    }
}

impl<C: R2D2Connection + 'static> Clone for R2d2<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
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

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        self.run(move |connection| rows(connection, load)).await
    }

    async fn write<U: FromRow<C::Backend>>(
        &self,
        write: Write<C::Backend, U>,
    ) -> Result<Written<U>> {
        self.run(move |connection| {
            AnsiTransactionManager::begin_transaction_sql(
                connection,
                <C::Backend as Dialect>::BEGIN_WRITE,
            )?;
            let written = written(connection, write);
            match written {
                Ok(written) => {
                    AnsiTransactionManager::commit_transaction(connection)?;
                    Ok(written)
                }
                Err(error) => {
                    // The first error tells more than a failed rollback would; r2d2
                    // drops a connection that is left broken.
                    let _ = AnsiTransactionManager::rollback_transaction(connection);
                    Err(error)
                }
            }
        })
        .await
    }

    async fn check(&self) -> Result<()> {
        self.run(|_| Ok(())).await
    }
}

fn written<C, U>(connection: &mut C, write: Write<C::Backend, U>) -> Result<Written<U>>
where
    C: LoadConnection + Connection<Backend: Dialect>,
    U: FromRow<C::Backend>,
{
    let before = match write.before {
        Some(before) => rows(connection, before.locking())?,
        None => Vec::new(),
    };
    let after = rows(connection, write.change)?;
    Ok(Written { before, after })
}

fn rows<C, U>(connection: &mut C, load: Load<C::Backend, U>) -> Result<Vec<U>>
where
    C: LoadConnection + Connection<Backend: Dialect>,
    U: FromRow<C::Backend>,
{
    let mut rows = Vec::new();
    for row in connection.load(load)? {
        rows.push(U::from_row(&row?).map_err(diesel::result::Error::DeserializationError)?);
    }
    Ok(rows)
}
