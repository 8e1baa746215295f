//! What a model shows of other models' rows.

use std::any::{Any, TypeId};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::query_source::{Column, Table};

use super::condition::Condition;
use super::model::Model;

type Fragment<DB> = Box<dyn QueryFragment<DB> + Send>;
/// The condition for rows, made of the keys of others, given as a `Vec` of them.
pub(crate) type Rows<DB> = Box<dyn Fn(&dyn Any) -> Option<Condition<DB>> + Send + Sync>;

/// That rows of one model show something of another's.
pub struct Dependency<DB: Backend> {
    /// The other model.
    pub(crate) on: TypeId,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its table.
    pub(crate) table: TypeId,
    /// The rows that show something of those with these keys, given as a `Vec` of them.
    pub(crate) rows: Rows<DB>,
    /// The other's key is the one of these rows, too.
    pub(crate) by_key: bool,
    /// The other table joined to this one.
    join: Fragment<DB>,
}

impl<DB: Backend> Dependency<DB> {
    /// On the rows of `M` whose key is in the column `V`, which may be these rows' key. `rows` is
    /// the condition for some keys.
    pub fn new<M, V>(
        nullable: bool,
        by_key: bool,
        rows: impl Fn(Vec<M::Key>) -> Condition<DB> + Send + Sync + 'static,
    ) -> Self
    where
        DB: 'static,
        M: Model,
        M::Table: Table<PrimaryKey: QueryFragment<DB> + Send> + QueryFragment<DB>,
        V: Column + Default + QueryFragment<DB> + Send + 'static,
    {
        let table = M::Table::default();
        let join = Join { nullable, key: table.primary_key(), table, via: V::default() };
        Self {
            on: TypeId::of::<M>(),
            name: M::DESCRIPTOR.model,
            table: TypeId::of::<M::Table>(),
            by_key,
            rows: Box::new(move |keys| {
                keys.downcast_ref::<Vec<M::Key>>().map(|keys| rows(keys.clone()))
            }),
            join: Box::new(join),
        }
    }
}

/// `LEFT JOIN table ON key = via`
struct Join<T, K, V> {
    nullable: bool,
    table: T,
    key: K,
    via: V,
}

impl<DB, T, K, V> QueryFragment<DB> for Join<T, K, V>
where
    DB: Backend,
    T: QueryFragment<DB>,
    K: QueryFragment<DB>,
    V: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(if self.nullable { " LEFT JOIN " } else { " INNER JOIN " });
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" ON ");
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(" = ");
        self.via.walk_ast(out)
    }
}

/// What is selected for a model that has columns of other tables.
pub struct Selected<DB: Backend> {
    columns: Fragment<DB>,
    pub(crate) tables: Vec<TypeId>,
}

impl<DB: Backend> Selected<DB> {
    /// These columns, in the order of the fields, from these tables beside the model's own.
    pub fn new<const N: usize>(
        columns: impl QueryFragment<DB> + Send + 'static,
        tables: [TypeId; N],
    ) -> Self {
        Self { columns: Box::new(columns), tables: tables.to_vec() }
    }
}

/// The table of a column.
pub fn table_of<C: Column<Table: 'static>>() -> TypeId {
    TypeId::of::<C::Table>()
}

/// `columns FROM table JOIN ..`, for a model with columns of other tables.
pub(super) struct Source<DB: Backend> {
    pub(super) columns: Fragment<DB>,
    joins: Vec<Fragment<DB>>,
}

impl<DB: Backend> Source<DB> {
    /// Joins those tables alone of which columns are selected.
    pub(super) fn new(selected: Selected<DB>, dependencies: Vec<Dependency<DB>>) -> Self {
        let joins = dependencies
            .into_iter()
            .filter(|dependency| selected.tables.contains(&dependency.table))
            .map(|dependency| dependency.join)
            .collect();
        Self { columns: selected.columns, joins }
    }

    pub(super) fn joins<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.joins.iter().try_for_each(|join| join.walk_ast(out.reborrow()))
    }
}
