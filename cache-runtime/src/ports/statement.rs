//! Statements with their Diesel types erased: what the derive builds and a driver runs.

use std::marker::PhantomData;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bool, BoolOrNullableBool, Untyped};

use super::database::Dialect;
use super::model::{FromRow, Model};
use crate::values::error::Result;

type Fragment<DB> = Box<dyn QueryFragment<DB> + Send>;

/// A condition on the rows of a model's table.
pub struct Condition<DB: Backend>(Arc<dyn QueryFragment<DB> + Send + Sync>);

impl<DB: Backend> Clone for Condition<DB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<DB: Backend> Condition<DB> {
    /// Erases the condition's type. It must be a boolean expression on the model's table.
    pub fn new(condition: impl QueryFragment<DB> + Send + Sync + 'static) -> Self {
        Self(Arc::new(condition))
    }
}

/// A boolean Diesel expression on the table of `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a condition on the rows of `{M}`",
    note = "write a boolean Diesel expression on the columns of its table, such as `accounts::balance.lt(0)`; it must own its values"
)]
pub trait Filter<M, DB: Backend> {
    /// Erases the expression's type.
    fn condition(self) -> Condition<DB>;
}

impl<P, M, DB> Filter<M, DB> for P
where
    M: Model,
    DB: Backend,
    P: Expression<SqlType: BoolOrNullableBool>
        + AppearsOnTable<M::Table>
        + QueryFragment<DB>
        + Send
        + Sync
        + 'static,
{
    fn condition(self) -> Condition<DB> {
        Condition::new(self)
    }
}

impl<DB: Backend> QueryFragment<DB> for Condition<DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<DB: Backend> QueryId for Condition<DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Expression for Condition<DB> {
    type SqlType = Bool;
}

impl<DB: Backend, T> AppearsOnTable<T> for Condition<DB> {}
impl<DB: Backend, T> SelectableExpression<T> for Condition<DB> {}
impl<DB: Backend, G> ValidGrouping<G> for Condition<DB> {
    type IsAggregate = is_aggregate::No;
}

/// A statement that returns rows of `U`.
///
/// The column list is written here, from the model's names, and not by Diesel from a tuple of
/// columns: the compiler then has one type fewer to check for each statement, however wide the
/// table is.
pub struct Load<DB: Backend, U> {
    text: Text<DB>,
    limit: Option<usize>,
    suffix: &'static str,
    rows: PhantomData<fn() -> U>,
}

type Columns = &'static [&'static str];

enum Text<DB: Backend> {
    Select { columns: Columns, table: Fragment<DB>, condition: Condition<DB> },
    Versions { column: &'static str, table: Fragment<DB>, condition: Condition<DB> },
    Delete { columns: Columns, table: Fragment<DB>, condition: Condition<DB> },
    Write { columns: Columns, statement: Fragment<DB> },
    Bump { columns: Columns, version: &'static str, table: Fragment<DB>, condition: Condition<DB> },
    Plain(String),
}

impl<DB: Backend, M: Model<Table: QueryFragment<DB>>> Load<DB, M> {
    /// SELECT the model's columns of the rows for which the condition holds.
    pub fn select(condition: Condition<DB>) -> Self {
        Self::from(Text::Select {
            columns: M::DESCRIPTOR.columns,
            table: table::<M, DB>(),
            condition,
        })
    }

    /// DELETE the rows for which the condition holds, RETURNING the model's columns.
    pub fn delete(condition: Condition<DB>) -> Self {
        Self::from(Text::Delete {
            columns: M::DESCRIPTOR.columns,
            table: table::<M, DB>(),
            condition,
        })
    }

    /// The rows for which the condition holds, each given its next version, where the model
    /// declares one.
    pub fn touch(condition: Condition<DB>) -> Self {
        match M::DESCRIPTOR.version {
            Some(version) => {
                let (columns, table) = (M::DESCRIPTOR.columns, table::<M, DB>());
                Self::from(Text::Bump { columns, version, table, condition })
            }
            None => Self::select(condition),
        }
    }

    /// An insert or update of the model's table, RETURNING its columns.
    pub fn returning(statement: impl QueryFragment<DB> + Send + 'static) -> Self {
        Self::from(Text::Write { columns: M::DESCRIPTOR.columns, statement: Box::new(statement) })
    }
}

/// The version of a row, where the model declares one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub i64);

impl<DB: Backend> Load<DB, Version> {
    /// SELECT the versions alone of the rows of `M` for which the condition holds.
    pub fn versions<M: Model<Table: QueryFragment<DB>>>(condition: Condition<DB>) -> Self {
        let column = M::DESCRIPTOR.version.unwrap_or_default();
        Self::from(Text::Versions { column, table: table::<M, DB>(), condition })
    }
}

impl<DB: Backend> Load<DB, String> {
    /// A statement of the runtime's own that returns one column of text.
    pub fn plain(sql: impl Into<String>) -> Self {
        Self::from(Text::Plain(sql.into()))
    }
}

impl<DB: Dialect, U> Load<DB, U> {
    /// The same SELECT, of at most so many rows.
    #[must_use]
    pub fn limit(mut self, rows: Option<usize>) -> Self {
        self.limit = rows;
        self
    }

    /// The same SELECT, holding its rows until the transaction ends.
    #[must_use]
    pub fn locking(mut self) -> Self {
        self.suffix = DB::LOCK_ROWS;
        self
    }
}

impl<DB: Dialect, U: FromRow<DB>> Load<DB, U> {
    /// Runs the statement on a blocking connection at hand.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) if the database refuses it, or a row
    /// is not as the model says.
    pub fn on(self, connection: &mut impl LoadConnection<Backend = DB>) -> Result<Vec<U>> {
        let mut rows = Vec::new();
        for row in connection.load(self)? {
            rows.push(U::from_row(&row?).map_err(diesel::result::Error::DeserializationError)?);
        }
        Ok(rows)
    }
}

fn table<M: Model<Table: QueryFragment<DB>>, DB: Backend>() -> Fragment<DB> {
    Box::new(M::Table::default())
}

impl<DB: Backend, U> From<Text<DB>> for Load<DB, U> {
    fn from(text: Text<DB>) -> Self {
        Self { text, limit: None, suffix: "", rows: PhantomData }
    }
}

impl<DB: Dialect, U> QueryFragment<DB> for Load<DB, U> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match &self.text {
            Text::Select { columns, table, condition } => {
                out.push_sql("SELECT ");
                walk(columns, &mut out)?;
                from(table, condition, out.reborrow())?;
            }
            Text::Versions { column, table, condition } => {
                // Whatever integer it is in the table.
                out.push_sql("SELECT CAST(");
                out.push_identifier(column)?;
                out.push_sql(" AS BIGINT)");
                from(table, condition, out.reborrow())?;
            }
            Text::Delete { columns, table, condition } => {
                out.push_sql("DELETE");
                from(table, condition, out.reborrow())?;
                out.push_sql(" RETURNING ");
                walk(columns, &mut out)?;
            }
            Text::Bump { columns, version, table, condition } => {
                out.push_sql("UPDATE ");
                table.walk_ast(out.reborrow())?;
                out.push_sql(" SET ");
                out.push_identifier(version)?;
                out.push_sql(" = ");
                out.push_sql(DB::NEXT_VERSION);
                out.push_sql(" WHERE ");
                condition.walk_ast(out.reborrow())?;
                out.push_sql(" RETURNING ");
                walk(columns, &mut out)?;
            }
            Text::Write { columns, statement } => {
                statement.walk_ast(out.reborrow())?;
                out.push_sql(" RETURNING ");
                walk(columns, &mut out)?;
            }
            Text::Plain(sql) => {
                out.unsafe_to_cache_prepared();
                out.push_sql(sql);
            }
        }
        if let Some(limit) = self.limit {
            out.push_sql(&format!(" LIMIT {limit}"));
        }
        out.push_sql(self.suffix);
        Ok(())
    }
}

fn walk<DB: Backend>(columns: Columns, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(column)?;
    }
    Ok(())
}

fn from<'b, DB: Backend>(
    table: &'b Fragment<DB>,
    condition: &'b Condition<DB>,
    mut out: AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    out.push_sql(" FROM ");
    table.walk_ast(out.reborrow())?;
    out.push_sql(" WHERE ");
    condition.walk_ast(out.reborrow())
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
