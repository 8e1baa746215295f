//! One table in two builds of a service, under each promise. The next build has a column more, a
//! column less, and another type for a third.

use std::future::Future;

use cache_runtime::ports::{Change, Database, Statements};
use cache_runtime::{Cache, Cached, Repository, Result};
use serde::{Deserialize, Serialize};

/// What the models of both builds have in common: a number that only grows.
pub trait Plane<D: Database>: Cached<Key = i64> + Statements<D::Backend> {
    fn rows(cache: &Cache<D>) -> Repository<Self, D>;

    fn flights(&self) -> i64;

    /// Whether all else is as the table has it.
    fn is_right(&self) -> bool;

    /// Counts one up, whatever it is; gives what it is then.
    fn fly(rows: &Repository<Self, D>, id: i64) -> impl Future<Output = Result<i64>> + Send;
}

/// The table as it is at first; a column for each promise's needs.
pub const CREATE: &str = "CREATE TABLE planes (id BIGINT PRIMARY KEY, flights BIGINT NOT NULL, \
                          label TEXT NOT NULL, legacy TEXT, version BIGINT NOT NULL)";
/// What the next build needs, before it starts.
pub const EXPAND: &str = "ALTER TABLE planes ADD COLUMN note TEXT";
pub const FILL: &str = "UPDATE planes SET note = 'of ' || label";
/// What nobody needs once the old build has ended.
pub const CONTRACT: &str = "ALTER TABLE planes DROP COLUMN legacy";

pub fn insert(id: i64) -> String {
    format!(
        "INSERT INTO planes (id, flights, label, legacy, version) VALUES ({id}, 0, 'N{id}', 'old', 1)"
    )
}

/// What the next build makes of a label.
#[derive(Debug, Serialize, Deserialize)]
pub struct Label {
    country: char,
    number: i64,
}

impl From<String> for Label {
    fn from(text: String) -> Self {
        let (country, number) = text.split_at(1);
        Self { country: country.chars().next().unwrap(), number: number.parse().unwrap() }
    }
}

/// The model of a build, in a module of its own.
macro_rules! build {
    ($module:ident, [$($version:ident)?], ($($cached:tt)*), $($(#[$attribute:meta])* $field:ident: $type:ty as $sql:ty,)*; |$plane:ident| $right:expr) => {
        pub mod $module {
            use diesel::prelude::*;

            use super::*;

            diesel::table! {
                planes (id) {
                    id -> BigInt,
                    flights -> BigInt,
                    $($field -> $sql,)*
                    $($version -> BigInt,)?
                }
            }

            #[derive(Queryable, Cached)]
            #[diesel(table_name = planes)]
            #[cached(ttl = "10m", changeset = Flown)]
            #[cached($($cached)*)]
            pub struct Plane {
                id: i64,
                flights: i64,
                $($(#[$attribute])* $field: $type,)*
                $($version: i64,)?
            }

            pub struct Flown;

            type More = diesel::dsl::Eq<planes::flights, diesel::dsl::Add<planes::flights, i64>>;

            impl AsChangeset for Flown {
                type Target = planes::table;
                type Changeset = <More as AsChangeset>::Changeset;

                fn as_changeset(self) -> Self::Changeset {
                    planes::flights.eq(planes::flights + 1_i64).as_changeset()
                }
            }

            impl<D: Database> super::Plane<D> for Plane
            where
                Self: Statements<D::Backend>,
                Flown: Change<Self, D::Backend>,
            {
                fn rows(cache: &Cache<D>) -> Repository<Self, D> {
                    (*cache.repository::<Self>()).clone()
                }

                fn flights(&self) -> i64 {
                    self.flights
                }

                fn is_right(&self) -> bool {
                    let $plane = self;
                    $right
                }

                async fn fly(rows: &Repository<Self, D>, id: i64) -> Result<i64> {
                    Ok(rows.update(id, Flown).await?.expect("nobody deletes planes").flights)
                }
            }
        }
    };
}

/// Both builds' models under a promise.
macro_rules! builds {
    ($($promise:ident: [$($version:ident)?], ($($cached:tt)*);)*) => {$(
        pub mod $promise {
            use super::*;

            build!(old, [$($version)?], ($($cached)*),
                label: String as Text,
                legacy: Option<String> as Nullable<Text>,;
                |plane| plane.label == format!("N{}", plane.id)
                    && plane.legacy.as_deref() == Some("old"));

            build!(next, [$($version)?], ($($cached)*),
                #[diesel(deserialize_as = String)]
                label: Label as Text,
                note: Option<String> as Nullable<Text>,;
                |plane| plane.label.country == 'N'
                    && plane.label.number == plane.id
                    && plane.note == Some(format!("of N{}", plane.id)));
        }
    )*};
}

builds! {
    eventual: [], (pattern = "cache_aside");
    eventual_through: [], (pattern = "write_through");
    fenced: [], (pattern = "cache_aside", consistency = "strict(fenced)");
    fenced_through: [], (pattern = "write_through", consistency = "strict(fenced)");
    validated: [version],
        (pattern = "cache_aside", consistency = "strict(validated)", version = version);
    validated_through: [version],
        (pattern = "write_through", consistency = "strict(validated)", version = version);
}
