//! Statements with their Diesel types erased: what a driver sends.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;

use super::condition::Condition;
use super::database::Dialect;
use super::dependency::Source;
use super::inserted::Inserted;
use super::model::{Model, Statements};

type Fragment<DB> = Box<dyn QueryFragment<DB> + Send>;
type Columns = &'static [&'static str];

/// One statement.
///
/// The column list is written here, from the model's names, and not by Diesel from a tuple of
/// columns: the compiler then has one type fewer to check for each statement, however wide the
/// table is.
pub(crate) struct Statement<DB: Backend> {
    text: Text<DB>,
    pub(super) order: &'static [(&'static str, bool)],
    pub(super) limit: Option<usize>,
    pub(super) suffix: &'static str,
}

pub(super) enum Text<DB: Backend> {
    Select {
        columns: Columns,
        table: Fragment<DB>,
        condition: Condition<DB>,
    },
    SelectJoined {
        source: Source<DB>,
        table: Fragment<DB>,
        condition: Condition<DB>,
    },
    SelectInserted {
        columns: Columns,
        table: Fragment<DB>,
        key: Columns,
        row: Row<DB>,
    },
    Versions {
        /// What comes before the version in each row.
        key: Columns,
        column: &'static str,
        table: Fragment<DB>,
        condition: Condition<DB>,
    },
    Insert {
        table: Fragment<DB>,
        row: Row<DB>,
    },
    Delete {
        columns: Columns,
        table: Fragment<DB>,
        condition: Condition<DB>,
    },
    Write {
        columns: Columns,
        statement: Fragment<DB>,
    },
    Bump {
        columns: Columns,
        version: &'static str,
        table: Fragment<DB>,
        condition: Condition<DB>,
    },
    Plain(String),
    /// A statement of write-behind.
    Own(Fragment<DB>),
}

/// The values of an insert, for the statement that writes them and the one that reads them back.
pub(super) type Row<DB> = Arc<dyn Inserted<DB>>;

impl<DB: Backend> From<Text<DB>> for Statement<DB> {
    fn from(text: Text<DB>) -> Self {
        Self { text, order: &[], limit: None, suffix: "" }
    }
}

impl<DB: Dialect> Statement<DB> {
    /// SELECT the model's columns of the rows for which the condition holds.
    pub(super) fn select<M: Statements<DB>>(condition: Condition<DB>) -> Self {
        let table = table::<M, DB>();
        match M::selected() {
            None => Text::Select { columns: M::DESCRIPTOR.columns, table, condition },
            Some(selected) => {
                let source = Source::new(selected, M::dependencies());
                Text::SelectJoined { source, table, condition }
            }
        }
        .into()
    }
}

pub(super) fn table<M: Model<Table: QueryFragment<DB>>, DB: Backend>() -> Fragment<DB> {
    Box::new(M::Table::default())
}

impl<DB: Dialect> QueryFragment<DB> for Statement<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match &self.text {
            Text::Select { columns, table, condition } => {
                out.push_sql("SELECT ");
                walk(columns, &mut out)?;
                from(table, condition, out.reborrow())?;
            }
            Text::SelectJoined { source, table, condition } => {
                out.push_sql("SELECT ");
                source.columns.walk_ast(out.reborrow())?;
                out.push_sql(" FROM ");
                table.walk_ast(out.reborrow())?;
                source.joins(out.reborrow())?;
                out.push_sql(" WHERE ");
                condition.walk_ast(out.reborrow())?;
            }
            Text::SelectInserted { columns, table, key, row } => {
                out.push_sql("SELECT ");
                walk(columns, &mut out)?;
                out.push_sql(" FROM ");
                table.walk_ast(out.reborrow())?;
                out.push_sql(" WHERE ");
                row.is_found(key, out.reborrow())?;
            }
            Text::Versions { key, column, table, condition } => {
                out.push_sql("SELECT ");
                walk(key, &mut out)?;
                // Whatever integer it is in the table.
                out.push_sql(if key.is_empty() { "CAST(" } else { ", CAST(" });
                out.push_identifier(column)?;
                out.push_sql(" AS ");
                out.push_sql(DB::CAST_INTEGER);
                out.push_sql(")");
                from(table, condition, out.reborrow())?;
            }
            Text::Insert { table, row } => {
                insert(table, row, out.reborrow())?;
            }
            Text::Delete { columns, table, condition } => {
                out.push_sql("DELETE");
                from(table, condition, out.reborrow())?;
                returning(columns, &mut out)?;
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
                returning(columns, &mut out)?;
            }
            Text::Write { columns, statement } => {
                statement.walk_ast(out.reborrow())?;
                returning(columns, &mut out)?;
            }
            Text::Own(statement) => statement.walk_ast(out.reborrow())?,
            Text::Plain(sql) => {
                out.unsafe_to_cache_prepared();
                out.push_sql(sql);
            }
        }
        if let Text::Select { table, .. } | Text::SelectJoined { table, .. } = &self.text {
            for (index, (column, descending)) in self.order.iter().enumerate() {
                out.push_sql(if index == 0 { " ORDER BY " } else { ", " });
                // A joined table may have a column of the same name.
                table.walk_ast(out.reborrow())?;
                out.push_sql(".");
                out.push_identifier(column)?;
                out.push_sql(if *descending { " DESC" } else { " ASC" });
            }
        }
        if let Some(limit) = self.limit {
            out.push_sql(&format!(" LIMIT {limit}"));
        }
        out.push_sql(self.suffix);
        Ok(())
    }
}

pub(super) fn walk<DB: Backend>(
    columns: &[&str],
    out: &mut AstPass<'_, '_, DB>,
) -> QueryResult<()> {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(column)?;
    }
    Ok(())
}

fn returning<DB: Dialect>(columns: Columns, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    if !DB::RETURNING {
        return Ok(());
    }
    out.push_sql(" RETURNING ");
    walk(columns, out)
}

fn insert<'b, DB: Backend>(
    table: &'b Fragment<DB>,
    row: &'b Row<DB>,
    mut out: AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    out.push_sql("INSERT INTO ");
    table.walk_ast(out.reborrow())?;
    out.push_sql(" ");
    row.values(out)
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

impl<DB: Backend> QueryId for Statement<DB> {
    type QueryId = ();
    // The type is erased: prepared statements are found by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Query for Statement<DB> {
    // Rows are read by `FromRow`, which knows the types.
    type SqlType = Untyped;
}
