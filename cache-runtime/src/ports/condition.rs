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

    pub(super) fn is_by_key(&self) -> bool {
        self.by_key
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
