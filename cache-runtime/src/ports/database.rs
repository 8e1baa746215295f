//! The database: where the truth is.

use std::future::Future;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;

use super::model::{FromRow, Model};
use crate::values::error::Result;

/// What differs between databases, and nothing else.
pub trait Dialect: Backend<QueryBuilder: Default> + Default {
    /// Begins a transaction that will write, so that it need not upgrade later.
    const BEGIN_WRITE: &'static str;
    /// Follows a SELECT whose rows must stay as they are until the transaction ends.
    const LOCK_ROWS: &'static str;
    /// How many values one statement may bind.
    const MAX_BINDS: usize;
}

/// A statement that returns rows of `U`, its Diesel type erased.
///
/// The column list is written here, from the model's names, and not by Diesel from a tuple of
/// columns: the compiler then has one type fewer to check for each statement, however wide the
/// table is.
pub struct Load<DB: Backend, U> {
    verb: Verb,
    table: Box<dyn QueryFragment<DB> + Send>,
    columns: &'static [&'static str],
    /// The condition, or the whole statement up to its RETURNING.
    fragment: Box<dyn QueryFragment<DB> + Send>,
    suffix: &'static str,
    rows: PhantomData<fn() -> U>,
}

#[derive(Clone, Copy)]
enum Verb {
    Select,
    Delete,
    Write,
}

impl<DB: Backend, M: Model<Table: QueryFragment<DB>>> Load<DB, M> {
    /// SELECT the model's columns FROM its table WHERE the condition holds.
    pub fn select_where(condition: impl QueryFragment<DB> + Send + 'static) -> Self {
        Self::with(Verb::Select, condition)
    }

    /// DELETE FROM the model's table WHERE the condition holds, RETURNING its columns.
    pub fn delete_where(condition: impl QueryFragment<DB> + Send + 'static) -> Self {
        Self::with(Verb::Delete, condition)
    }

    /// An insert or update of the model's table, RETURNING its columns.
    pub fn returning(statement: impl QueryFragment<DB> + Send + 'static) -> Self {
        Self::with(Verb::Write, statement)
    }

    fn with(verb: Verb, fragment: impl QueryFragment<DB> + Send + 'static) -> Self {
        Self {
            verb,
            table: Box::new(M::Table::default()),
            columns: M::DESCRIPTOR.columns,
            fragment: Box::new(fragment),
            suffix: "",
            rows: PhantomData,
        }
    }
}

impl<DB: Dialect, U> Load<DB, U> {
    /// The same SELECT, holding its rows until the transaction ends.
    #[must_use]
    pub fn locking(mut self) -> Self {
        self.suffix = DB::LOCK_ROWS;
        self
    }
}

impl<DB: Backend, U> Load<DB, U> {
    fn walk_columns<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        Ok(())
    }
}

impl<DB: Backend, U> QueryFragment<DB> for Load<DB, U> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match self.verb {
            Verb::Select => {
                out.push_sql("SELECT ");
                self.walk_columns(&mut out)?;
                out.push_sql(" FROM ");
            }
            Verb::Delete => out.push_sql("DELETE FROM "),
            Verb::Write => {}
        }
        if !matches!(self.verb, Verb::Write) {
            self.table.walk_ast(out.reborrow())?;
            out.push_sql(" WHERE ");
        }
        self.fragment.walk_ast(out.reborrow())?;
        if !matches!(self.verb, Verb::Select) {
            out.push_sql(" RETURNING ");
            self.walk_columns(&mut out)?;
        }
        out.push_sql(self.suffix);
        Ok(())
    }
}

impl<DB: Backend, U> QueryId for Load<DB, U> {
    type QueryId = ();
    // The type is erased: prepared statements are found by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend, U> Query for Load<DB, U> {
    // Rows are read by `FromRow`, which knows the types.
    type SqlType = Untyped;
}

/// One write: what to look at first, and the statement.
pub struct Write<DB: Backend, U> {
    /// Rows to lock and read before the change, in the same transaction.
    pub before: Option<Load<DB, U>>,
    /// The change; it returns the rows that it wrote.
    pub change: Load<DB, U>,
}

/// What a committed write saw and left.
#[derive(Debug)]
pub struct Written<U> {
    /// The rows before the change, if they were asked for.
    pub before: Vec<U>,
    /// The rows that the change returned.
    pub after: Vec<U>,
}

/// A pool of connections to the primary.
///
/// Contract:
/// - Every statement goes to the primary, never to a replica.
/// - A statement begins after the call and its snapshot is not older than the call.
/// - `write` is one transaction. `Ok` means that it committed; an error leaves
///   open whether it did, so the caller invalidates either way.
/// - A dropped future leaves the pool usable. The statement may still run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a database that the cache can use",
    note = "give `Cache::builder` an r2d2 pool (feature `r2d2`) or a deadpool pool of async connections (feature `diesel-async`)"
)]
pub trait Database: Clone + Send + Sync + 'static {
    /// The Diesel backend.
    type Backend: Dialect;

    /// Runs one statement outside a transaction.
    fn load<U: FromRow<Self::Backend>>(
        &self,
        load: Load<Self::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send;

    /// Runs one write in a transaction.
    fn write<U: FromRow<Self::Backend>>(
        &self,
        write: Write<Self::Backend, U>,
    ) -> impl Future<Output = Result<Written<U>>> + Send;

    /// Takes a connection and gives it back, to learn whether one can be had.
    fn check(&self) -> impl Future<Output = Result<()>> + Send;
}
