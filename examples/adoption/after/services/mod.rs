//! What the web handlers and the workers call.

mod accounts;
mod operations;
mod organizations;
mod ownership;
mod packages;
mod publishing;
mod tokens;

use std::fmt;

use cache_runtime::{Blocking, R2d2};
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel::{OptionalExtension as _, QueryResult, SqliteConnection};

pub use self::publishing::Upload;

type DbPool = Pool<ConnectionManager<SqliteConnection>>;
type DbConnection = PooledConnection<ConnectionManager<SqliteConnection>>;

/// The application's state.
pub struct Registry {
    pool: DbPool,
    cache: Blocking<R2d2<SqliteConnection>>,
}

impl Registry {
    pub fn new(pool: DbPool, cache: Blocking<R2d2<SqliteConnection>>) -> Self {
        Self { pool, cache }
    }

    fn connection(&self) -> AppResult<DbConnection> {
        Ok(self.pool.get()?)
    }
}

/// Why a request failed.
#[derive(Debug)]
pub enum AppError {
    NotFound,
    Forbidden(&'static str),
    Conflict(String),
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

pub type AppResult<T> = Result<T, AppError>;

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "not found"),
            Self::Forbidden(why) => write!(f, "forbidden: {why}"),
            Self::Conflict(what) => write!(f, "{what} is taken"),
            Self::Failed(error) => write!(f, "try again later: {error}"),
        }
    }
}

impl std::error::Error for AppError {}

impl From<diesel::result::Error> for AppError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        match error {
            Error::NotFound => Self::NotFound,
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, what) => {
                Self::Conflict(what.message().to_owned())
            }
            error => Self::Failed(error.into()),
        }
    }
}

impl From<diesel::r2d2::PoolError> for AppError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<cache_runtime::Error> for AppError {
    fn from(error: cache_runtime::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        match error.diesel() {
            Some(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, what)) => {
                Self::Conflict(what.message().to_owned())
            }
            _ => Self::Failed(error.into()),
        }
    }
}

/// One row or none.
fn maybe<T>(row: QueryResult<T>) -> AppResult<Option<T>> {
    Ok(row.optional()?)
}
