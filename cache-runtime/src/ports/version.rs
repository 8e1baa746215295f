//! The number that a write gives to a row's version, as a Diesel expression.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::SingleValue;

use super::database::Dialect;
use crate::values::guard::Guard;

/// The next number of the database's counter, as a value of the SQL type `T`.
///
/// From one counter for all rows, and not from the row itself: a row that was deleted and
/// inserted again must not come to a version that it had before (anomaly 28).
pub struct NextVersion<T> {
    /// What a build without the guard would write.
    naive: &'static str,
    sql_type: PhantomData<fn() -> T>,
}

/// The version of a row that is inserted.
pub fn first_version<T>() -> NextVersion<T> {
    NextVersion { naive: "1", sql_type: PhantomData }
}

/// The version of a row that is changed.
pub fn next_version<T>(column: &'static str) -> NextVersion<T> {
    NextVersion { naive: column, sql_type: PhantomData }
}

impl<DB: Dialect, T> QueryFragment<DB> for NextVersion<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if Guard::VersionCounter.stands() {
            out.push_sql(DB::NEXT_VERSION);
        } else if self.naive == "1" {
            out.push_sql("1");
        } else {
            out.push_identifier(self.naive)?;
            out.push_sql(" + 1");
        }
        Ok(())
    }
}

impl<T> QueryId for NextVersion<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T: SingleValue> Expression for NextVersion<T> {
    type SqlType = T;
}

impl<T: SingleValue, S> AppearsOnTable<S> for NextVersion<T> {}
impl<T: SingleValue, S> SelectableExpression<S> for NextVersion<T> {}
impl<T, G> ValidGrouping<G> for NextVersion<T> {
    type IsAggregate = is_aggregate::No;
}
