//! Statements past both sides, that make their tables and count what is in them.

use cache_runtime::ports::BoxFuture;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection as _, AsyncMysqlConnection, AsyncPgConnection, RunQueryDsl};

use crate::Fault;

/// A database, on connections of its own.
pub(crate) trait Sql: Send + Sync {
    /// Runs statements, divided by semicolons.
    fn batch<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), Fault>>;

    /// What a statement counts, under the name `number`.
    fn number<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<i64, Fault>>;
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

macro_rules! servers {
    ($($(#[$doc:meta])* $name:ident, $connection:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) String);

        impl Sql for $name {
            fn batch<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), Fault>> {
                Box::pin(async move {
                    use diesel_async::SimpleAsyncConnection as _;
                    Ok(<$connection>::establish(&self.0).await?.batch_execute(sql).await?)
                })
            }

            fn number<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<i64, Fault>> {
                Box::pin(async move {
                    let mut connection = <$connection>::establish(&self.0).await?;
                    let query = diesel::sql_query(sql);
                    let number: Number = RunQueryDsl::get_result(query, &mut connection).await?;
                    Ok(number.number)
                })
            }
        }
    )*};
}

servers! {
    /// PostgreSQL, at this URL.
    Postgres, AsyncPgConnection;
    /// MariaDB, at this URL.
    Mariadb, AsyncMysqlConnection;
}

/// SQLite, in this file.
pub(crate) struct Sqlite(pub(crate) String);

impl Sqlite {
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let path = self.0.clone();
        let job = move || -> Result<T, Fault> {
            let mut connection = SqliteConnection::establish(&path)?;
            connection.batch_execute(PRAGMAS)?;
            Ok(work(&mut connection)?)
        };
        tokio::task::spawn_blocking(job).await?
    }
}

/// How each connection to SQLite is set: what is committed is on the disk.
pub(crate) const PRAGMAS: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";

impl Sql for Sqlite {
    fn batch<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), Fault>> {
        let sql = sql.to_owned();
        Box::pin(self.with(move |connection| connection.batch_execute(&sql)))
    }

    fn number<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<i64, Fault>> {
        let sql = sql.to_owned();
        Box::pin(self.with(move |connection| {
            let query = diesel::sql_query(sql);
            let number: Number = diesel::RunQueryDsl::get_result(query, connection)?;
            Ok(number.number)
        }))
    }
}
