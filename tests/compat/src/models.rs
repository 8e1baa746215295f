//! A table for each promise under each pattern: a number that only grows, and a unique label.

use std::sync::Arc;

use cache_runtime::ports::BoxFuture;
use cache_runtime::{Cache, R2d2, Result, models};
use diesel::PgConnection;

/// The database of both processes.
pub(crate) type Postgres = R2d2<PgConnection>;

/// The ids and labels of every table.
pub(crate) const IDS: std::ops::Range<i64> = 0..6;

pub(crate) fn label(id: i64) -> String {
    format!("label {id}")
}

/// The rows of one model.
pub(crate) trait Rows: Send + Sync {
    fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>>>;
    fn find_by_label(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>>>;
    /// Counts one up; gives what the row then holds.
    fn add(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>>>;
    /// Counts all up, by a filter.
    fn add_all(&self) -> BoxFuture<'_, Result<Vec<(i64, i64)>>>;
    fn invalidate(&self, id: i64) -> BoxFuture<'_, ()>;
}

/// What a model declares, as far as the checks care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// The table's name, and the promise's.
    pub(crate) name: &'static str,
    /// Whether reads never go back.
    pub(crate) is_strict: bool,
    /// Whether a write leaves the row in the cache.
    pub(crate) puts: bool,
    pub(crate) has_version: bool,
}

macro_rules! counters {
    ($($module:ident, $strict:literal, $puts:literal, $has_version:literal, [$($version:ident)?]: ($($cached:tt)*);)*) => {
        $(mod $module {
            use std::sync::Arc;

            use cache_runtime::ports::BoxFuture;
            use cache_runtime::{Cached, Result};
            use diesel::prelude::*;

            use super::{Postgres, Rows, label};

            diesel::table! {
                $module (id) {
                    id -> BigInt,
                    label -> Text,
                    value -> BigInt,
                    $($version -> BigInt,)?
                }
            }

            #[derive(Queryable, Cached)]
            #[diesel(table_name = $module)]
            #[cached(ttl = "10m", negative_ttl = "10m", unique(label), changeset = More)]
            #[cached($($cached)*)]
            pub(crate) struct Counter {
                id: i64,
                label: String,
                value: i64,
                $($version: i64,)?
            }

            pub(crate) struct More;

            type Sum = diesel::dsl::Eq<$module::value, diesel::dsl::Add<$module::value, i64>>;

            impl AsChangeset for More {
                type Target = $module::table;
                type Changeset = <Sum as AsChangeset>::Changeset;

                fn as_changeset(self) -> Self::Changeset {
                    $module::value.eq($module::value + 1_i64).as_changeset()
                }
            }

            fn value(row: Option<Arc<Counter>>) -> Option<i64> {
                row.map(|row| row.value)
            }

            impl Rows for CounterRepository<Postgres> {
                fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>>> {
                    Box::pin(async move { Ok(value((**self).find(id).await?)) })
                }

                fn find_by_label(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>>> {
                    Box::pin(async move { Ok(value(self.find_by_label(label(id)).await?)) })
                }

                fn add(&self, id: i64) -> BoxFuture<'_, Result<Option<i64>>> {
                    Box::pin(async move { Ok(value(self.update(id, More).await?)) })
                }

                fn add_all(&self) -> BoxFuture<'_, Result<Vec<(i64, i64)>>> {
                    Box::pin(async move {
                        let rows = self.update_where($module::id.ge(0), More).await?;
                        Ok(rows.iter().map(|row| (row.id, row.value)).collect())
                    })
                }

                fn invalidate(&self, id: i64) -> BoxFuture<'_, ()> {
                    Box::pin(async move {
                        (**self).invalidate(id).await;
                        self.invalidate_by_label(label(id)).await;
                    })
                }
            }
        })*

        /// Every promise that both builds know.
        pub(crate) const PROMISES: &[Promise] = &[$(Promise {
            name: stringify!($module),
            is_strict: $strict,
            puts: $puts,
            has_version: $has_version,
        }),*];

        /// All models, for a builder.
        pub(crate) fn all() -> Vec<cache_runtime::Registration<Postgres>> {
            models![$($module::Counter),*].into()
        }

        /// The rows under a promise.
        pub(crate) fn rows(cache: &Cache<Postgres>, promise: &str) -> Option<Arc<dyn Rows>> {
            $(if promise == stringify!($module) {
                let rows = cache.repository::<$module::Counter>();
                return Some(Arc::new(rows));
            })*
            None
        }
    };
}

counters! {
    eventual, false, false, false, []: (pattern = "cache_aside");
    eventual_through, false, true, false, []: (pattern = "write_through");
    eventual_bulk, false, false, false, []: (pattern = "cache_aside", bulk = 3);
    fenced, true, false, false, []: (pattern = "cache_aside", consistency = "strict(fenced)");
    fenced_through, true, true, false, []:
        (pattern = "write_through", consistency = "strict(fenced)");
    validated, true, false, true, [version]:
        (pattern = "cache_aside", consistency = "strict(validated)", version = version);
    validated_through, true, true, true, [version]:
        (pattern = "write_through", consistency = "strict(validated)", version = version);
}
