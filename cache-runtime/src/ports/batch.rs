//! Statements of write-behind: many rows written at once, and a row read together with what is
//! pending for it.

use diesel::QueryResult;
use diesel::deserialize;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::row::Row;

use super::behind::RowValues;
use super::bound::Bound;
use super::condition::Condition;
use super::database::Dialect;
use super::load::Load;
use super::model::{FromRow, Statements};
use super::statement::{Text, table, walk};

/// How many rows a statement inserts that is kept prepared.
pub(crate) const PREPARED: usize = 256;

type Table<DB> = Box<dyn QueryFragment<DB> + Send>;
type Columns = &'static [&'static str];

impl<DB: Dialect, M: Statements<DB>> Load<DB, M> {
    /// INSERT these rows; where there is one already, it becomes like this. For databases that can.
    pub(crate) fn upsert_all(rows: Vec<RowValues<DB>>) -> Self {
        Self::run_own(Box::new(Rows { on_conflict: true, ..Rows::of::<M>(rows) }))
    }

    /// INSERT these rows, none of which is there.
    pub(crate) fn insert_all(rows: Vec<RowValues<DB>>) -> Self {
        Self::run_own(Box::new(Rows::of::<M>(rows)))
    }

    /// UPDATE these rows, all of which are there, each to its values.
    pub(crate) fn update_all(keys: Vec<M::Key>, rows: Vec<RowValues<DB>>) -> Self {
        let each = keys.iter().cloned().map(M::is).zip(rows).collect();
        let columns = M::DESCRIPTOR.columns.iter().filter(|it| !M::DESCRIPTOR.key.contains(it));
        let (table, all) = (table::<M, DB>(), M::among(keys));
        Self::run_own(Box::new(Cases { table, columns: columns.copied().collect(), each, all }))
    }

    /// DELETE the rows with these keys, and return nothing.
    pub(crate) fn delete_all(keys: Vec<M::Key>) -> Self {
        Self::run_own(Box::new(Deleted { table: table::<M, DB>(), rows: M::among(keys) }))
    }
}

/// `INSERT INTO table (..) VALUES (..), (..)`
struct Rows<DB: Dialect> {
    table: Table<DB>,
    columns: Columns,
    key: Columns,
    rows: Vec<RowValues<DB>>,
    on_conflict: bool,
}

impl<DB: Dialect> Rows<DB> {
    fn of<M: Statements<DB>>(rows: Vec<RowValues<DB>>) -> Self {
        let (columns, key) = (M::DESCRIPTOR.columns, M::DESCRIPTOR.key);
        Self { table: table::<M, DB>(), columns, key, rows, on_conflict: false }
    }

    /// Every column but the key takes the value that was to be inserted.
    fn update(&self, mut out: AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_sql(" ON CONFLICT (");
        walk(self.key, &mut out)?;
        out.push_sql(") DO ");
        let others = self.columns.iter().filter(|column| !self.key.contains(column));
        for (index, column) in others.clone().enumerate() {
            out.push_sql(if index == 0 { "UPDATE SET " } else { ", " });
            out.push_identifier(column)?;
            out.push_sql(" = excluded.");
            out.push_identifier(column)?;
        }
        if others.count() == 0 {
            out.push_sql("NOTHING");
        }
        Ok(())
    }
}

impl<DB: Dialect> QueryFragment<DB> for Rows<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // The text depends on how many rows there are.
        if self.rows.len() != PREPARED {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("INSERT INTO ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" (");
        walk(self.columns, &mut out)?;
        for (index, row) in self.rows.iter().enumerate() {
            out.push_sql(if index == 0 { ") VALUES (" } else { "), (" });
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    out.push_sql(", ");
                }
                value(row, column, out.reborrow())?;
            }
        }
        out.push_sql(")");
        if self.on_conflict { self.update(out) } else { Ok(()) }
    }
}

fn value<'b, DB: Dialect>(
    row: &'b RowValues<DB>,
    column: &str,
    mut out: AstPass<'_, 'b, DB>,
) -> QueryResult<()> {
    match row.0.value(column) {
        Some(value) => value.walk_ast(out),
        // Diesel leaves an absent value to the column's default; a whole row has none of those.
        None => {
            out.unsafe_to_cache_prepared();
            out.push_sql("NULL");
            Ok(())
        }
    }
}

/// `UPDATE table SET column = CASE WHEN key = .. THEN .. END, .. WHERE key IN (..)`
struct Cases<DB: Dialect> {
    table: Table<DB>,
    columns: Vec<&'static str>,
    each: Vec<(Condition<DB>, RowValues<DB>)>,
    all: Condition<DB>,
}

impl<DB: Dialect> QueryFragment<DB> for Cases<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        for (index, column) in self.columns.iter().enumerate() {
            out.push_sql(if index == 0 { " SET " } else { ", " });
            out.push_identifier(column)?;
            out.push_sql(" = CASE");
            for (row, values) in &self.each {
                out.push_sql(" WHEN ");
                row.walk_ast(out.reborrow())?;
                out.push_sql(" THEN ");
                value(values, column, out.reborrow())?;
            }
            out.push_sql(" ELSE ");
            out.push_identifier(column)?;
            out.push_sql(" END");
        }
        out.push_sql(" WHERE ");
        self.all.walk_ast(out)
    }
}

/// `DELETE FROM table WHERE ..`
struct Deleted<DB: Dialect> {
    table: Table<DB>,
    rows: Condition<DB>,
}

impl<DB: Dialect> QueryFragment<DB> for Deleted<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.rows.walk_ast(out)
    }
}

/// A row of a table, or a write that is pending for one.
pub(crate) enum Overlaid<M> {
    Row(M),
    Pending(Pending),
}

/// A write in the outbox.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) aggregate: String,
    pub(crate) seq: i64,
    pub(crate) kind: i64,
    pub(crate) payload: String,
    pub(crate) version: i64,
    /// Why it is parked, if it is.
    pub(crate) parked: Option<String>,
}

impl<DB: Dialect, M: Statements<DB>> Load<DB, Overlaid<M>> {
    /// The rows for which the condition holds, and what is pending for the same ones: in one
    /// statement, and so one snapshot. A row that was read before or after what is pending for it
    /// could lack what a flush has just moved from the one to the other (anomaly 34).
    ///
    /// `pending` are the columns of [`Pending`] from the runtime's tables, each a SELECT to which the
    /// model's columns are put in front.
    pub(crate) fn overlaid(rows: Condition<DB>, pending: [Bound; 2]) -> Self {
        let (columns, table) = (M::DESCRIPTOR.columns, table::<M, DB>());
        Self::one(Text::Own(Box::new(Overlay { columns, table, rows: Some(rows), pending })).into())
    }

    /// What is pending alone: a statement too few, to show what becomes of it.
    pub(crate) fn pending_alone(pending: [Bound; 2]) -> Self {
        let (columns, table) = (M::DESCRIPTOR.columns, table::<M, DB>());
        Self::one(Text::Own(Box::new(Overlay { columns, table, rows: None, pending })).into())
    }
}

struct Overlay<DB: Dialect> {
    columns: Columns,
    table: Table<DB>,
    rows: Option<Condition<DB>>,
    pending: [Bound; 2],
}

impl<DB: Dialect> QueryFragment<DB> for Overlay<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let integer = DB::CAST_INTEGER;
        out.push_sql("SELECT ");
        walk(self.columns, &mut out)?;
        out.push_sql(&format!(
            ", '', CAST(0 AS {integer}), CAST(-1 AS {integer}), '', CAST(0 AS {integer}), '' FROM "
        ));
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        match &self.rows {
            Some(rows) => rows.walk_ast(out.reborrow())?,
            None => out.push_sql("1 = 0"),
        }
        let nothing = "NULL, ".repeat(self.columns.len());
        for pending in &self.pending {
            out.push_sql(" UNION ALL SELECT ");
            out.push_sql(&nothing);
            pending.walk_ast(out.reborrow())?;
        }
        Ok(())
    }
}

impl<DB: Dialect, M: Statements<DB>> FromRow<DB> for Overlaid<M> {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let pending = Pending::read(row, M::DESCRIPTOR.columns.len())?;
        if pending.kind >= 0 {
            return Ok(Self::Pending(pending));
        }
        M::from_row(row).map(Self::Row)
    }
}

impl<DB: Dialect> FromRow<DB> for Pending {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        Self::read(row, 0)
    }
}

impl Pending {
    /// Reads the columns from this one on.
    fn read<'a, DB: Dialect>(row: &impl Row<'a, DB>, from: usize) -> deserialize::Result<Self> {
        let text = |at: usize| DB::text(row, from + at).map(Option::unwrap_or_default);
        let integer = |at: usize| DB::integer(row, from + at).map(Option::unwrap_or_default);
        Ok(Self {
            aggregate: text(0)?,
            seq: integer(1)?,
            kind: integer(2)?,
            payload: text(3)?,
            version: integer(4)?,
            parked: Some(text(5)?).filter(|error| !error.is_empty()),
        })
    }
}

/// A few columns of numbers.
pub(crate) struct Cells(pub(crate) Vec<Option<i64>>);

impl<DB: Dialect> FromRow<DB> for Cells {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let cells = (0..row.field_count()).map(|column| DB::integer(row, column));
        cells.collect::<deserialize::Result<_>>().map(Self)
    }
}

impl Cells {
    pub(crate) fn at(&self, column: usize) -> Option<i64> {
        self.0.get(column).copied().flatten()
    }
}
