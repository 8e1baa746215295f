//! `(a AND b) OR (c AND d) ..`: Diesel's `eq_any` for composite keys.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;

/// One condition a key, joined by OR; false if there is none.
pub struct KeysIn<P>(Vec<P>);

impl<P> KeysIn<P> {
    /// Joins the conditions.
    pub fn new(conditions: impl IntoIterator<Item = P>) -> Self {
        Self(conditions.into_iter().collect())
    }
}

impl<DB: Backend, P: QueryFragment<DB>> QueryFragment<DB> for KeysIn<P> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // The text depends on how many keys there are: caching each would fill the
        // connection's statement cache.
        out.unsafe_to_cache_prepared();
        if self.0.is_empty() {
            out.push_sql("1=0");
            return Ok(());
        }
        for (index, condition) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "((" } else { ") OR (" });
            condition.walk_ast(out.reborrow())?;
        }
        out.push_sql("))");
        Ok(())
    }
}

impl<P> QueryId for KeysIn<P> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<P> Expression for KeysIn<P> {
    type SqlType = Bool;
}

impl<P: AppearsOnTable<T>, T> AppearsOnTable<T> for KeysIn<P> {}
impl<P: SelectableExpression<T>, T> SelectableExpression<T> for KeysIn<P> {}
impl<P: ValidGrouping<G>, G> ValidGrouping<G> for KeysIn<P> {
    type IsAggregate = P::IsAggregate;
}
