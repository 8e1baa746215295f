//! Tables with a column of each type, and one of each that may be NULL, from one list.

/// What a list says of one type.
pub(crate) struct Type {
    pub(crate) sql: &'static str,
    pub(crate) rust: &'static str,
    /// `(with = module)`, or `()`.
    pub(crate) attribute: &'static str,
}

/// How many rows of each table.
pub(crate) const ROWS: u8 = 128;

/// A module with a table, its model, and a test for each store. `$before` is what the database
/// needs beside the table. A line of the list is
/// `not_null | or_null: [SQL type], Rust type, "type in CREATE TABLE", (attribute), strategy;`
macro_rules! columns {
    (
        $module:ident: $server:ident, $backend:ty, [$($before:expr)?];
        $($name:ident $(| $null:ident)?: [$sql:ty], $type:ty, $ddl:literal, $with:tt,
            $strategy:expr;)+
    ) => {
        pub(crate) mod $module {
            use cache_runtime::Cached;
            use cache_tests::databases::$server as Server;
            use diesel::prelude::*;

            use super::*;
            use crate::columns::Type;
            use crate::draw::Draw;
            use crate::same::Same as _;

            diesel::table! {
                use diesel::sql_types::*;
                #[allow(unused_imports, reason = "only PostgreSQL's tables need all of them")]
                use diesel::pg::sql_types::*;
                #[allow(unused_imports, reason = "not each table has one of ours")]
                use crate::own::MoodType;

                everything (id) {
                    id -> BigInt,
                    $(
                        $name -> $sql,
                        $($null -> Nullable<$sql>,)?
                    )+
                }
            }

            const SQL: &[&str] = &[$($before,)? concat!(
                "CREATE TABLE everything (id BIGINT PRIMARY KEY",
                $(
                    ", ", stringify!($name), " ", $ddl, " NOT NULL",
                    $(", ", stringify!($null), " ", $ddl, " NULL",)?
                )+
                ")",
            )];

            pub(crate) const TYPES: &[Type] = &[$(Type {
                sql: stringify!($sql),
                rust: stringify!($type),
                attribute: stringify!($with),
            }),+];

            // That the statements are for one backend alone is known from what Diesel is told.
            #[derive(Debug, Queryable, Insertable, Cached)]
            #[diesel(table_name = everything, check_for_backend($backend))]
            #[cached(pattern = "cache_aside", ttl = "10m")]
            struct Everything {
                id: i64,
                $(
                    #[cached $with]
                    $name: $type,
                    $(#[cached $with] $null: Option<$type>,)?
                )+
            }

            impl Everything {
                fn drawn(id: i64, draw: &mut Draw) -> Self {
                    Self {
                        id,
                        $(
                            $name: draw.one(&$strategy),
                            $($null: draw.or_null(&$strategy),)?
                        )+
                    }
                }

                /// The columns that differ, with both values.
                fn differences(&self, other: &Self) -> Vec<String> {
                    let mut found = Vec::new();
                    $(
                        if !self.$name.same(&other.$name) {
                            let (one, other) = (&self.$name, &other.$name);
                            found.push(format!("{}: {one:?}, not {other:?}", stringify!($name)));
                        }
                        $(if !self.$null.same(&other.$null) {
                            let (one, other) = (&self.$null, &other.$null);
                            found.push(format!("{}: {one:?}, not {other:?}", stringify!($null)));
                        })?
                    )+
                    found
                }
            }

            crate::check::stores!();
        }
    };
}
pub(crate) use columns;
