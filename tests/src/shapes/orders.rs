//! Orders, listed by customer in two ways, under each pattern and mode.

diesel::table! {
    orders (id) {
        id -> BigInt,
        number -> Text,
        customer -> Nullable<BigInt>,
        rank -> BigInt,
        note -> Text,
        open -> Bool,
    }
}

diesel::table! {
    versioned_orders (id) {
        id -> BigInt,
        number -> Text,
        customer -> Nullable<BigInt>,
        rank -> BigInt,
        note -> Text,
        open -> Bool,
        version -> BigInt,
    }
}

pub const CREATE: &str = "CREATE TABLE orders (id BIGINT PRIMARY KEY, number VARCHAR(60) NOT NULL UNIQUE, customer BIGINT, rank BIGINT NOT NULL, note VARCHAR(60) NOT NULL, open BOOLEAN NOT NULL)";

pub const CREATE_VERSIONED: &str = "CREATE TABLE versioned_orders (id BIGINT PRIMARY KEY, number VARCHAR(60) NOT NULL UNIQUE, customer BIGINT, rank BIGINT NOT NULL, note VARCHAR(60) NOT NULL, open BOOLEAN NOT NULL, version BIGINT NOT NULL)";

/// What all modes have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    pub id: i64,
    pub number: String,
    pub customer: Option<i64>,
    pub rank: i64,
    pub note: String,
    pub open: bool,
}

macro_rules! orders {
    ($module:ident, $table:ident, ($($version:ident)?), $($cached:tt)*) => {
        pub mod $module {
            use cache_runtime::Cached;
            use diesel::prelude::*;

            use super::{$table as orders, Plain};

            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = orders)]
            #[cached(ttl = "10m", unique(number), insert = NewOrder, changeset = OrderChanges,
                     list(customer, when = open_ones, order_by = rank.desc(), limit = 3),
                     list(customer, name = oldest, order_by = (open.desc(), id), limit = 100),
                     list(order_by = (rank.asc(), number.desc()), limit = 2))]
            #[cached($($cached)*)]
            pub struct Order {
                pub id: i64,
                pub number: String,
                pub customer: Option<i64>,
                pub rank: i64,
                pub note: String,
                pub open: bool,
                $(pub $version: i64,)?
            }

            /// Those that are not closed.
            mod open_ones {
                use diesel::prelude::*;

                pub(super) fn holds(order: &super::Order) -> bool {
                    order.open
                }

                pub(super) fn condition() -> diesel::dsl::Eq<super::orders::open, bool> {
                    super::orders::open.eq(true)
                }
            }

            #[derive(Insertable)]
            #[diesel(table_name = orders)]
            pub struct NewOrder {
                pub id: i64,
                pub number: String,
                pub customer: Option<i64>,
                pub rank: i64,
                pub note: String,
                pub open: bool,
            }

            #[derive(AsChangeset, Default)]
            #[diesel(table_name = orders)]
            pub struct OrderChanges {
                pub number: Option<String>,
                pub customer: Option<Option<i64>>,
                pub rank: Option<i64>,
                pub note: Option<String>,
                pub open: Option<bool>,
            }

            impl Order {
                pub fn plain(&self) -> Plain {
                    let Self { id, number, customer, rank, note, open, .. } = self;
                    Plain {
                        id: *id,
                        number: number.clone(),
                        customer: *customer,
                        rank: *rank,
                        note: note.clone(),
                        open: *open,
                    }
                }
            }

            pub use super::$table as table;
        }
    };
}

orders!(aside, orders, (), pattern = "cache_aside", bulk = 4);
orders!(through, orders, (), pattern = "write_through");
orders!(fenced, orders, (), pattern = "cache_aside", consistency = "strict(fenced)");
orders!(
    validated,
    versioned_orders,
    (version),
    pattern = "write_through",
    consistency = "strict(validated)",
    version = version
);
