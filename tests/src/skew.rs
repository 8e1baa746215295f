//! One table's model as two programs have it, of which the newer one has a list.

/// A model of the table `accounts`, in a module of its own.
macro_rules! program {
    ($(#[$doc:meta])* $module:ident: ($($cached:tt)*)) => {
        $(#[$doc])*
        pub mod $module {
            use cache_runtime::Cached;
            use diesel::prelude::*;

            use crate::account::accounts;

            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = accounts)]
            #[cached(ttl = "10m", unique(email), insert = NewAccount)]
            #[cached($($cached)*)]
            pub struct Account {
                pub id: i64,
                pub email: String,
                pub balance: i64,
            }

            #[derive(Insertable, Debug)]
            #[diesel(table_name = accounts)]
            pub struct NewAccount {
                pub id: i64,
                pub email: String,
                pub balance: i64,
            }

            impl NewAccount {
                /// One of those with this balance.
                pub fn new(id: i64, balance: i64) -> Self {
                    Self { id, email: format!("e{id}"), balance }
                }
            }
        }
    };
}

program! {
    /// Knows rows, and those by email.
    old: (pattern = "cache_aside")
}
program! {
    /// Knows those with one balance, too.
    new: (pattern = "cache_aside", list(balance, order_by = id, limit = 100))
}
program! {
    /// The same, and puts what it writes.
    new_through: (pattern = "write_through", list(balance, order_by = id, limit = 100))
}
