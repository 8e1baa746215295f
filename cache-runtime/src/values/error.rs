//! The one error type: what failed, where, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What kind of thing failed. Match on this, not on messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The cache was put together wrongly; found by `build()` or by a constructor.
    Configuration,
    /// The shared store did not answer or refused. Reads and writes go on
    /// without it; only `build()` and explicit store operations return this.
    Store,
    /// No database connection could be had from the pool.
    Pool,
    /// The database refused or failed a statement.
    Database,
    /// The changeset sets no column, so there is nothing to write.
    EmptyChangeset,
    /// A load asked, from inside itself, for the very entry that it is loading.
    Reentrant,
    /// A load panicked or was torn down each time it was tried.
    Abandoned,
    /// The row is not at the version that the write was based on, or is gone.
    Conflict,
    /// COMMIT was sent and its answer lost: the write may have happened, or not. Read before
    /// writing again.
    CommitUnknown,
    /// The write is committed, but the store did not confirm it. Readers are served from the
    /// database until its fence has expired.
    Unreleased,
    /// This process is not registered any more, or not yet again, so that others may serve what
    /// it does not know of; nothing was written. Only with
    /// [`Builder::register_contracts`](crate::Builder::register_contracts). It registers anew by
    /// itself: try again a little later.
    Unregistered,
    /// The outbox of a write-behind model is full, by number or by age; nothing was written. Try
    /// again later, or shed the load.
    Full,
    /// The row has writes that cannot be applied, and are parked until somebody retries or discards
    /// them.
    Parked,
    /// A pending write cannot be written to the outbox or read from it.
    Unreadable,
}

/// An error of the cache: a kind, what was being done, and the source.
///
/// It is [`Clone`], because callers that were coalesced onto one load share its failure.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    context: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a source. `context` says what to do next.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into().into(), source: None }
    }

    /// The same error, caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What kind of thing failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The Diesel error behind this one, if a statement failed.
    pub fn diesel(&self) -> Option<&diesel::result::Error> {
        self.source.as_deref()?.downcast_ref()
    }
}

impl Error {
    /// What became of a COMMIT that Diesel saw fail. It rolls back then. If the server answered
    /// that, it had refused to commit; if it did not, nobody knows.
    pub fn from_commit(error: diesel::result::Error) -> Self {
        match error {
            diesel::result::Error::RollbackErrorOnCommit { .. } => Self::new(
                ErrorKind::CommitUnknown,
                "the connection was lost while COMMIT was under way: the write may have happened; \
                 read before writing again",
            )
            .with_source(error),
            refused => refused.into(),
        }
    }
}

impl From<diesel::result::Error> for Error {
    fn from(source: diesel::result::Error) -> Self {
        use diesel::result::Error as Diesel;
        match &source {
            Diesel::QueryBuilderError(inner) if inner.is::<diesel::result::EmptyChangeset>() => {
                Self::new(
                    ErrorKind::EmptyChangeset,
                    "the changeset sets no column; give it at least one value, or skip the update",
                )
            }
            _ => Self::new(ErrorKind::Database, "the database refused the statement"),
        }
        .with_source(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.context)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A result of the cache.
pub type Result<T, E = Error> = std::result::Result<T, E>;
