//! One table for each promise under each pattern: a value that only grows.

use std::sync::Arc;

use cache_runtime::ports::{BoxFuture, Change, Database, Save, Statements};
use cache_runtime::{Cached, Repository, Result};

/// What the models have in common, on a database.
pub(crate) trait Counter<D: Database>:
    Statements<D::Backend> + Save<D::Backend> + Cached<Key = i64>
{
    /// One more than what the row holds, whatever that is.
    const MORE: Self::Increment;
    type Increment: Change<Self, D::Backend>;
    /// What the row should hold.
    type Set: Change<Self, D::Backend> + From<i64>;

    fn value(&self) -> i64;
    fn set(&mut self, value: i64);

    /// The row with this label, which is unique.
    fn find_by_label(
        rows: &Repository<Self, D>,
        label: String,
    ) -> BoxFuture<'_, Result<Option<Arc<Self>>>>;

    /// Forgets where this label leads.
    fn invalidate_by_label(rows: &Repository<Self, D>, label: String) -> BoxFuture<'_, ()>;

    /// Increments the row, found by a filter.
    fn increment_where(
        rows: &Repository<Self, D>,
        id: i64,
    ) -> BoxFuture<'_, Result<Vec<Arc<Self>>>>;

    /// Increments the row if it still has the version that a read gave; without versions,
    /// whatever it is.
    fn increment_at(
        rows: &Repository<Self, D>,
        id: i64,
    ) -> BoxFuture<'_, Result<Option<Arc<Self>>>>;
}

/// A model in a module of its own.
macro_rules! counters {
    ($($(#[$doc:meta])* $module:ident, $table:ident, [$($version:ident)?]: ($($cached:tt)*);)*) => {$(
        $(#[$doc])*
        pub(crate) mod $module {
            use std::sync::Arc;

            use cache_runtime::ports::{BoxFuture, Change, Database, Filter, Save, Statements};
            use cache_runtime::{Cached, Repository, Result};
            use diesel::prelude::*;

            diesel::table! {
                $table (id) {
                    id -> BigInt,
                    label -> Text,
                    value -> BigInt,
                    $($version -> BigInt,)?
                }
            }

            #[derive(Queryable, Cached, Debug)]
            #[diesel(table_name = $table)]
            #[cached(ttl = "10m", negative_ttl = "10m", unique(label), save,
                     changeset(Increment, Set))]
            #[cached($($cached)*)]
            pub(crate) struct Counter {
                id: i64,
                label: String,
                value: i64,
                $($version: i64,)?
            }

            #[derive(AsChangeset, Debug)]
            #[diesel(table_name = $table)]
            pub(crate) struct Set {
                value: i64,
            }

            impl From<i64> for Set {
                fn from(value: i64) -> Self {
                    Self { value }
                }
            }

            #[derive(Debug)]
            pub(crate) struct Increment;

            type More = diesel::dsl::Eq<$table::value, diesel::dsl::Add<$table::value, i64>>;

            impl AsChangeset for Increment {
                type Target = $table::table;
                type Changeset = <More as AsChangeset>::Changeset;

                fn as_changeset(self) -> Self::Changeset {
                    $table::value.eq($table::value + 1_i64).as_changeset()
                }
            }

            impl<D: Database> super::Counter<D> for Counter
            where
                Self: Statements<D::Backend> + Save<D::Backend>,
                Increment: Change<Self, D::Backend>,
                Set: Change<Self, D::Backend>,
                diesel::dsl::Eq<$table::id, i64>: Filter<Self, D::Backend>,
            {
                const MORE: Increment = Increment;
                type Increment = Increment;
                type Set = Set;

                fn value(&self) -> i64 {
                    self.value
                }

                fn set(&mut self, value: i64) {
                    self.value = value;
                }

                fn find_by_label(
                    rows: &Repository<Self, D>,
                    label: String,
                ) -> BoxFuture<'_, Result<Option<Arc<Self>>>> {
                    let rows = CounterRepository::<D>::from(rows.clone());
                    Box::pin(async move { rows.find_by_label(label).await })
                }

                fn invalidate_by_label(rows: &Repository<Self, D>, label: String) -> BoxFuture<'_, ()> {
                    let rows = CounterRepository::<D>::from(rows.clone());
                    Box::pin(async move { rows.invalidate_by_label(label).await })
                }

                fn increment_where(
                    rows: &Repository<Self, D>,
                    id: i64,
                ) -> BoxFuture<'_, Result<Vec<Arc<Self>>>> {
                    Box::pin(rows.update_where($table::id.eq(id), Increment))
                }

                fn increment_at(
                    rows: &Repository<Self, D>,
                    id: i64,
                ) -> BoxFuture<'_, Result<Option<Arc<Self>>>> {
                    $(
                        return Box::pin(async move {
                            let Some(row) = rows.find(id).await? else { return Ok(None) };
                            let change = Set { value: row.value + 1 };
                            rows.update_at(id, row.$version, change).await.map(Some)
                        });
                    )?
                    #[allow(unreachable_code, reason = "models with a version have returned")]
                    Box::pin(rows.update(id, Increment))
                }
            }
        }
    )*};
}

counters! {
    /// Removes what it writes, behind fences.
    fenced_aside, fenced_asides, []:
        (pattern = "cache_aside", consistency = "strict(fenced)");
    /// Puts what it writes, behind fences.
    fenced_through, fenced_throughs, []:
        (pattern = "write_through", consistency = "strict(fenced)");
    /// Removes what it writes; each hit is compared with the row's version.
    validated_aside, validated_asides, [version]:
        (pattern = "cache_aside", consistency = "strict(validated)", version = version);
    /// Puts what it writes; each hit is compared with the row's version.
    validated_through, validated_throughs, [version]:
        (pattern = "write_through", consistency = "strict(validated)", version = version);
    /// Removes what it writes; no hit is older than two seconds.
    bounded_aside, bounded_asides, []:
        (pattern = "cache_aside", consistency = "bounded(2s)");
    /// Puts what it writes; no hit is older than two seconds.
    bounded_through, bounded_throughs, []:
        (pattern = "write_through", consistency = "bounded(2s)");
}
