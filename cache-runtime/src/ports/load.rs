//! What the derive and the engine ask of a database: statements whose outcome is rows.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::insertable::InsertValues;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::query_source::Table;

use super::condition::Condition;
use super::database::Dialect;
use super::inserted::{Columns, InsertedRow};
use super::model::{Concealed, FromRow, KeyOf, ListOf, Model, Statements, VersionOf};
use super::statement::{Row, Statement, Text, table};
use crate::values::error::{Error, ErrorKind, Result};

/// Statements that run one after the other on one connection, and whose outcome is rows of `U`.
///
/// One statement, where the database can return what a statement wrote. Where it cannot, a write
/// is a few: it must then run within a transaction.
pub struct Load<DB: Backend, U> {
    pub(crate) steps: Vec<Step<DB, U>>,
    pub(crate) expects: Expects,
}

/// One step of a [`Load`].
pub(crate) enum Step<DB: Backend, U> {
    /// A statement whose rows are part of the outcome.
    Rows(Statement<DB>),
    /// A statement that returns none.
    Run(Statement<DB>),
    /// The rows so far are read once more, and these are the outcome.
    Again(fn(&[U]) -> Vec<Statement<DB>>),
}

/// What the outcome must be, lest a write has done something else than it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expects {
    /// Anything.
    Anything,
    /// The row that was inserted.
    TheRow,
    /// The row that was inserted, or none if one of its unique values was taken.
    TheRowIfNew,
    /// At least as many rows as were changed. Fewer changed is nothing to wonder at: MySQL may
    /// count those alone that the write made differ.
    AllChanged,
}

impl Expects {
    /// Whether a statement that failed has told all that there is to tell: it alone was undone,
    /// and nothing was inserted.
    pub(crate) fn is_answered_by(self, error: &diesel::result::Error) -> bool {
        use diesel::result::{DatabaseErrorKind::UniqueViolation, Error::DatabaseError};
        self == Self::TheRowIfNew && matches!(error, DatabaseError(UniqueViolation, _))
    }

    /// The outcome, if it is as expected. `changed` is what the database counted.
    pub(crate) fn check<U>(self, rows: Vec<U>, changed: usize) -> Result<Vec<U>> {
        let missing = match self {
            Self::Anything => false,
            Self::TheRow | Self::TheRowIfNew => rows.len() != 1,
            Self::AllChanged => rows.len() < changed,
        };
        if !missing {
            return Ok(rows);
        }
        Err(Error::new(
            ErrorKind::Database,
            "a row that was written is not under the key that the write names, and this database \
             does not tell where it is; a write must not change keys, and a key that the insert \
             struct leaves out must be AUTO_INCREMENT",
        ))
    }
}

/// The version of a row, where the model declares one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub i64);

impl<DB: Dialect, M: Statements<DB>> Load<DB, M> {
    /// SELECT the model's columns of the rows for which the condition holds.
    pub fn select(condition: Condition<DB>) -> Self {
        Self::one(Statement::select::<M>(condition))
    }

    /// DELETE the rows for which the condition holds, and return them as they were.
    pub fn delete(condition: Condition<DB>) -> Self {
        let (columns, table) = (M::DESCRIPTOR.columns, table::<M, DB>());
        let rows = condition.clone();
        let delete = Text::Delete { columns, table, condition }.into();
        if DB::RETURNING {
            return Self::one(delete);
        }
        let expects = if rows.is_by_key() { Expects::AllChanged } else { Expects::Anything };
        Self {
            steps: vec![Step::Rows(locking(Statement::select::<M>(rows))), Step::Run(delete)],
            expects,
        }
    }

    /// The rows for which the condition holds, each given its next version, where the model
    /// declares one.
    pub fn touch(condition: Condition<DB>) -> Self {
        let Some(version) = M::DESCRIPTOR.version else { return Self::select(condition) };
        let (columns, table) = (M::DESCRIPTOR.columns, table::<M, DB>());
        let rows = condition.clone();
        let bump = Text::Bump { columns, version, table, condition }.into();
        if DB::RETURNING {
            return Self::one(bump);
        }
        let steps = vec![Step::Run(bump), Step::Rows(Statement::select::<M>(rows))];
        Self { steps, expects: Expects::Anything }
    }

    /// An insert into the model's table, RETURNING its columns: for databases that can.
    pub fn returning(statement: impl QueryFragment<DB> + Send + 'static) -> Self {
        Self::one(write::<M, DB>(statement))
    }

    /// INSERT these values, and read the row by its key: for databases that cannot return it.
    ///
    /// A key's column that is not among the values is taken to be AUTO_INCREMENT.
    pub fn inserted<V>(values: V) -> Self
    where
        M::Table: Table,
        V: InsertValues<DB, M::Table> + Columns<DB> + Send + Sync + 'static,
    {
        Self::insert(Arc::new(InsertedRow::<V, M::Table>::new(values)))
    }

    fn insert(row: Row<DB>) -> Self {
        let insert = Text::Insert { table: table::<M, DB>(), row: row.clone() }.into();
        let mut steps = vec![Step::Run(insert), Step::Rows(inserted::<M, DB>(row.clone()))];
        if !row.has_all(M::DESCRIPTOR.key) {
            // An earlier insert on this connection must not be taken for this one.
            steps.insert(0, Step::Run(Text::Plain("DO LAST_INSERT_ID(0)".to_owned()).into()));
        }
        Self { steps, expects: Expects::TheRow }
    }

    /// The same, but nothing if one of its unique values is taken.
    #[must_use]
    pub fn if_new(mut self) -> Self {
        self.expects = Expects::TheRowIfNew;
        self
    }
}

impl<DB: Dialect, M: Statements<DB>> Load<DB, M> {
    /// An UPDATE of the rows for which the condition holds, which returns them as the database
    /// then holds them.
    pub fn updated(
        rows: Condition<DB>,
        statement: impl QueryFragment<DB> + Send + 'static,
    ) -> Self {
        let update = write::<M, DB>(statement);
        if DB::RETURNING {
            return Self::one(update);
        }
        let select = Statement::select::<M>(rows.clone());
        if rows.is_by_key() {
            let steps = vec![Step::Run(update), Step::Rows(select)];
            return Self { steps, expects: Expects::AllChanged };
        }
        // The condition may not hold for them any longer. A row that comes to meet it meanwhile is
        // updated, and is not in the outcome.
        let steps =
            vec![Step::Rows(locking(select)), Step::Run(update), Step::Again(again::<M, DB>)];
        Self { steps, expects: Expects::Anything }
    }
}

impl<DB: Backend> Load<DB, Version> {
    /// SELECT the version alone of the row of `M` for which the condition holds.
    pub fn version<M: Model<Table: QueryFragment<DB>>>(condition: Condition<DB>) -> Self {
        Self::one(versions::<M, DB>(&[], condition))
    }
}

impl<DB: Dialect, M: Statements<DB>> Load<DB, VersionOf<M>> {
    /// SELECT the versions of the rows for which the condition holds, each with its row's key.
    pub fn versions(condition: Condition<DB>) -> Self {
        Self::one(versions::<M, DB>(M::DESCRIPTOR.key, condition))
    }
}

impl<DB: Dialect, M: Statements<DB>> Load<DB, Concealed<M>> {
    /// SELECT what the model conceals of the rows for which the condition holds.
    pub fn concealed(condition: Condition<DB>) -> Self {
        let columns = M::DESCRIPTOR.concealed.columns;
        Self::one(Text::Select { columns, table: table::<M, DB>(), condition }.into())
    }
}

impl<DB: Dialect, M: Statements<DB>> Load<DB, KeyOf<M>> {
    /// SELECT the keys alone of the rows of the model's own table for which the condition holds.
    pub fn keys(condition: Condition<DB>) -> Self {
        let columns = M::DESCRIPTOR.key;
        Self::one(Text::Select { columns, table: table::<M, DB>(), condition }.into())
    }
}

impl<DB: Backend, U> Load<DB, U> {
    /// A statement of the runtime's own that returns nothing.
    pub fn run(sql: impl Into<String>) -> Self {
        let run = Step::Run(Text::Plain(sql.into()).into());
        Self { steps: vec![run], expects: Expects::Anything }
    }

    /// A statement of the runtime's own that returns rows.
    pub fn rows(sql: impl Into<String>) -> Self {
        Self::one(Text::Plain(sql.into()).into())
    }

    /// The same for one that is more than text.
    pub(super) fn run_own(statement: Box<dyn QueryFragment<DB> + Send>) -> Self {
        let run = Step::Run(Text::Own(statement).into());
        Self { steps: vec![run], expects: Expects::Anything }
    }

    /// The same for one that returns rows.
    pub(super) fn own(statement: Box<dyn QueryFragment<DB> + Send>) -> Self {
        Self::one(Text::Own(statement).into())
    }

    /// And then this.
    #[must_use]
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        self
    }

    pub(super) fn one(statement: Statement<DB>) -> Self {
        Self { steps: vec![Step::Rows(statement)], expects: Expects::Anything }
    }

    fn selects(&mut self) -> impl Iterator<Item = &mut Statement<DB>> {
        self.steps.iter_mut().filter_map(|step| match step {
            Step::Rows(statement) => Some(statement),
            Step::Run(_) | Step::Again(_) => None,
        })
    }
}

impl<DB: Dialect, U> Load<DB, U> {
    /// The same SELECT, of at most so many rows.
    #[must_use]
    pub fn limit(mut self, rows: Option<usize>) -> Self {
        self.selects().for_each(|select| select.limit = rows);
        self
    }

    /// The same SELECT, sorted by these columns, each with whether the greatest comes first.
    #[must_use]
    pub fn sorted(mut self, order: &'static [(&'static str, bool)]) -> Self {
        self.selects().for_each(|select| select.order = order);
        self
    }

    /// The same SELECT, of the first page of a list.
    #[must_use]
    pub fn page(self, list: ListOf) -> Self {
        self.sorted(list.order).limit(Some(list.limit))
    }

    /// The same SELECT, holding its rows until the transaction ends.
    #[must_use]
    pub fn locking(mut self) -> Self {
        self.selects().for_each(|select| select.suffix = DB::LOCK_ROWS);
        self
    }
}

impl<DB: Dialect, U: FromRow<DB>> Load<DB, U> {
    /// Runs the statements on a blocking connection at hand.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Database`] if the database refuses one, if a row is not as the model says, or
    /// if a row that was written cannot be found again.
    pub fn on(self, connection: &mut impl LoadConnection<Backend = DB>) -> Result<Vec<U>> {
        let (mut rows, mut changed) = (Vec::new(), 0);
        for step in self.steps {
            match step {
                Step::Rows(select) => read(connection, select, &mut rows)?,
                Step::Run(statement) => match connection.execute_returning_count(&statement) {
                    Ok(count) => changed = count,
                    Err(error) if self.expects.is_answered_by(&error) => return Ok(Vec::new()),
                    Err(error) => return Err(error.into()),
                },
                Step::Again(selects) => {
                    for select in selects(&std::mem::take(&mut rows)) {
                        read(connection, select, &mut rows)?;
                    }
                }
            }
        }
        self.expects.check(rows, changed)
    }
}

fn read<DB: Dialect, U: FromRow<DB>>(
    connection: &mut impl LoadConnection<Backend = DB>,
    statement: Statement<DB>,
    rows: &mut Vec<U>,
) -> Result<()> {
    for row in connection.load(statement)? {
        rows.push(U::from_row(&row?).map_err(diesel::result::Error::DeserializationError)?);
    }
    Ok(())
}

fn write<M: Model, DB: Backend>(
    statement: impl QueryFragment<DB> + Send + 'static,
) -> Statement<DB> {
    let columns = M::DESCRIPTOR.columns;
    Text::Write { columns, statement: Box::new(statement) }.into()
}

fn versions<M: Model<Table: QueryFragment<DB>>, DB: Backend>(
    key: &'static [&'static str],
    condition: Condition<DB>,
) -> Statement<DB> {
    let column = M::DESCRIPTOR.version.unwrap_or_default();
    Text::Versions { key, column, table: table::<M, DB>(), condition }.into()
}

fn locking<DB: Dialect>(mut select: Statement<DB>) -> Statement<DB> {
    select.suffix = DB::LOCK_ROWS;
    select
}

fn inserted<M: Model<Table: QueryFragment<DB>>, DB: Backend>(row: Row<DB>) -> Statement<DB> {
    let (columns, key) = (M::DESCRIPTOR.columns, M::DESCRIPTOR.key);
    Text::SelectInserted { columns, table: table::<M, DB>(), key, row }.into()
}

/// Reads rows by their keys, in as few statements as the database allows.
fn again<M: Statements<DB>, DB: Dialect>(rows: &[M]) -> Vec<Statement<DB>> {
    let keys: Vec<M::Key> = rows.iter().map(M::key).collect();
    let most = (DB::MAX_BINDS / M::DESCRIPTOR.key.len().max(1)).max(1);
    keys.chunks(most).map(|keys| Statement::select::<M>(M::among(keys.to_vec()))).collect()
}

/// All that a load will run, to be shown.
impl<DB: Dialect, U> QueryFragment<DB> for Load<DB, U> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                out.push_sql("; ");
            }
            match step {
                Step::Rows(statement) | Step::Run(statement) => {
                    statement.walk_ast(out.reborrow())?
                }
                Step::Again(_) => out.push_sql("SELECT .. by key"),
            }
        }
        Ok(())
    }
}
