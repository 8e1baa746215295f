//! Conditions with their Diesel types erased.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, BoolOrNullableBool};

use super::model::Model;

/// A condition on the rows of a model's table.
pub struct Condition<DB: Backend> {
    fragment: Arc<dyn QueryFragment<DB> + Send + Sync>,
    /// It names rows by their keys, so that it holds for them whatever else of them changes.
    by_key: bool,
}

impl<DB: Backend> Clone for Condition<DB> {
    fn clone(&self) -> Self {
        Self { fragment: self.fragment.clone(), by_key: self.by_key }
    }
}

impl<DB: Backend> Condition<DB> {
    /// Erases the condition's type. It must be a boolean expression on the model's table.
    pub fn new(condition: impl QueryFragment<DB> + Send + Sync + 'static) -> Self {
        Self { fragment: Arc::new(condition), by_key: false }
    }

    /// The same for a condition on the key's columns alone: a write that leaves keys as they are
    /// finds its rows by it again.
    pub fn by_key(condition: impl QueryFragment<DB> + Send + Sync + 'static) -> Self {
        Self { fragment: Arc::new(condition), by_key: true }
    }

    /// Holds where all of these do; for every row if there are none.
    pub fn all<const N: usize>(conditions: [Self; N]) -> Self
    where
        DB: 'static,
    {
        Self::new(All(conditions.to_vec()))
    }

    /// Holds for the rows that come after one, in an order by some columns. Each column gives two
    /// conditions: that a row's value comes after this one's, and that it is the same.
    pub fn after<const N: usize>(columns: [(Self, Self); N]) -> Self
    where
        DB: 'static,
    {
        Self::new(After(columns.to_vec()))
    }

    pub(super) fn is_by_key(&self) -> bool {
        self.by_key
    }
}

/// `(a) AND (b) ..`
struct All<DB: Backend>(Vec<Condition<DB>>);

impl<DB: Backend> QueryFragment<DB> for All<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.0.is_empty() {
            out.push_sql("1=1");
        }
        for (index, condition) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { " AND (" });
            condition.walk_ast(out.reborrow())?;
            out.push_sql(")");
        }
        Ok(())
    }
}

/// `(a > x OR (a = x AND (b > y OR ..)))`: not a comparison of rows, since columns may be sorted
/// each its own way.
struct After<DB: Backend>(Vec<(Condition<DB>, Condition<DB>)>);

impl<DB: Backend> QueryFragment<DB> for After<DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (index, (beyond, _)) in self.0.iter().enumerate() {
            if let Some((_, same)) = index.checked_sub(1).and_then(|before| self.0.get(before)) {
                out.push_sql(" OR (");
                same.walk_ast(out.reborrow())?;
                out.push_sql(" AND ");
            }
            out.push_sql("(");
            beyond.walk_ast(out.reborrow())?;
        }
        let open = 2 * self.0.len();
        out.push_sql(&")".repeat(open.saturating_sub(1)));
        Ok(())
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

#[diagnostic::do_not_recommend]
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
        self.fragment.walk_ast(out)
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
