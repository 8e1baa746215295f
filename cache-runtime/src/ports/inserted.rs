//! The values of an insert, and the key among them: where the database does not return the row
//! that it inserted, it is read back by its key.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::insertable::{ColumnInsertValue, DefaultableColumnInsertValue, InsertValues};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::query_source::{Column, Table};

/// What an insert writes, column by column. Implemented for what Diesel makes of an `Insertable`.
#[diagnostic::on_unimplemented(
    message = "the key of an inserted row cannot be told from `{Self}`",
    note = "insert structs derive `Insertable` and have at most 64 columns on this backend"
)]
pub trait Columns<DB: Backend> {
    /// Calls `visit` with each column's name and value; not with one that is left to its default.
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'static str, &'a dyn QueryFragment<DB>));
}

impl<C: Column, E, DB: Backend> Columns<DB> for ColumnInsertValue<C, E>
where
    Self: QueryFragment<DB>,
{
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'static str, &'a dyn QueryFragment<DB>)) {
        visit(C::NAME, self);
    }
}

impl<V: Columns<DB>, DB: Backend> Columns<DB> for DefaultableColumnInsertValue<V> {
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'static str, &'a dyn QueryFragment<DB>)) {
        match self {
            Self::Expression(value) => value.each(visit),
            Self::Default => {}
        }
    }
}

macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<DB: Backend, $first: Columns<DB>, $($rest: Columns<DB>),*> Columns<DB>
            for ($first, $($rest,)*)
        {
            #[allow(non_snake_case)]
            fn each<'a>(&'a self, visit: &mut dyn FnMut(&'static str, &'a dyn QueryFragment<DB>)) {
                let ($first, $($rest,)*) = self;
                $first.each(visit);
                $($rest.each(visit);)*
            }
        }

        tuples!($($rest)*);
    };
}

tuples! {
    A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15
    A16 A17 A18 A19 A20 A21 A22 A23 A24 A25 A26 A27 A28 A29 A30 A31
    A32 A33 A34 A35 A36 A37 A38 A39 A40 A41 A42 A43 A44 A45 A46 A47
    A48 A49 A50 A51 A52 A53 A54 A55 A56 A57 A58 A59 A60 A61 A62 A63
}

/// The row of an insert, its type erased.
pub(super) trait Inserted<DB: Backend>: Send + Sync {
    /// `(columns) VALUES (values)`.
    fn values<'a>(&'a self, out: AstPass<'_, 'a, DB>) -> QueryResult<()>;

    /// The value of a column; none where it is left to its default.
    fn value<'a>(&'a self, column: &str) -> Option<&'a dyn QueryFragment<DB>>;

    /// Whether all these columns have a value.
    fn has_all(&self, columns: &[&str]) -> bool;

    /// The condition that the row meets once it is inserted.
    fn is_found<'a>(&'a self, key: &[&str], out: AstPass<'_, 'a, DB>) -> QueryResult<()>;
}

/// Values for a table.
pub(super) struct InsertedRow<V, T> {
    values: V,
    table: PhantomData<fn() -> T>,
}

impl<V, T> InsertedRow<V, T> {
    pub(super) fn new(values: V) -> Self {
        Self { values, table: PhantomData }
    }
}

impl<V, T, DB> Inserted<DB> for InsertedRow<V, T>
where
    DB: Backend,
    T: Table,
    V: InsertValues<DB, T> + Columns<DB> + Send + Sync,
{
    fn values<'a>(&'a self, mut out: AstPass<'_, 'a, DB>) -> QueryResult<()> {
        if self.values.is_noop(out.backend())? {
            out.push_sql("() VALUES ()");
            return Ok(());
        }
        out.push_sql("(");
        self.values.column_names(out.reborrow())?;
        out.push_sql(") VALUES (");
        self.values.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }

    fn value<'a>(&'a self, column: &str) -> Option<&'a dyn QueryFragment<DB>> {
        let mut found = None;
        self.values.each(&mut |name, value| {
            if name == column {
                found = Some(value);
            }
        });
        found
    }

    fn has_all(&self, columns: &[&str]) -> bool {
        columns.iter().all(|column| self.value(column).is_some())
    }

    fn is_found<'a>(&'a self, key: &[&str], mut out: AstPass<'_, 'a, DB>) -> QueryResult<()> {
        let mut counted = false;
        for (index, column) in key.iter().enumerate() {
            if index > 0 {
                out.push_sql(" AND ");
            }
            out.push_identifier(column)?;
            out.push_sql(" = ");
            match self.value(column) {
                Some(value) => value.walk_ast(out.reborrow())?,
                // A table has one such column at most.
                None if counted => out.push_sql("NULL"),
                None => {
                    // The insert counted nothing where this is still what it was set to before.
                    out.push_sql("NULLIF(LAST_INSERT_ID(), 0)");
                    counted = true;
                }
            }
        }
        Ok(())
    }
}
