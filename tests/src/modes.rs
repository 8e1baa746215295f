//! One table's rows under each pattern and promise.

/// A model of the table `accounts`, in a module of its own.
macro_rules! accounts {
    ($($(#[$doc:meta])* $module:ident: ($($cached:tt)*);)*) => {$(
        $(#[$doc])*
        pub mod $module {
            use cache_runtime::Cached;
            use diesel::prelude::*;

            use crate::account::accounts;

            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = accounts)]
            #[cached(ttl = "10m", negative_ttl = "10m", unique(email), save, insert = NewAccount,
                     changeset = AccountChanges)]
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

            #[derive(AsChangeset, Debug, Default)]
            #[diesel(table_name = accounts)]
            pub struct AccountChanges {
                pub email: Option<String>,
                pub balance: Option<i64>,
            }
        }
    )*};
}

accounts! {
    /// Removes what it writes; eventual.
    aside: (pattern = "cache_aside");
    /// Removes what it writes; its table can be void as a whole, as by events that were lost.
    taking: (pattern = "cache_aside", bulk = 1000);
    /// Puts what it writes; eventual.
    through: (pattern = "write_through");
    /// Removes what it writes; no hit is older than a second.
    bounded: (pattern = "cache_aside", consistency = "bounded(1s)");
    /// Puts what it writes; no hit is older than a second.
    bounded_through: (pattern = "write_through", consistency = "bounded(1s)");
    /// Removes what it writes; nobody reads anything older than what was acknowledged.
    fenced: (pattern = "cache_aside", consistency = "strict(fenced)");
    /// Puts what it writes; nobody reads anything older than what was acknowledged.
    fenced_through: (pattern = "write_through", consistency = "strict(fenced)", bulk = 3);
}

/// A model of the table `versions`, in a module of its own.
macro_rules! versions {
    ($($(#[$doc:meta])* $module:ident: ($($cached:tt)*);)*) => {$(
        $(#[$doc])*
        pub mod $module {
            use cache_runtime::Cached;
            use diesel::prelude::*;

            use super::versions;

            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = versions)]
            #[cached(ttl = "10m", negative_ttl = "10m", unique(email), version = version, save,
                     insert = NewAccount, changeset = AccountChanges)]
            #[cached($($cached)*)]
            pub struct Account {
                pub id: i64,
                pub email: String,
                pub balance: i64,
                pub version: i64,
            }

            #[derive(Insertable, Debug)]
            #[diesel(table_name = versions)]
            pub struct NewAccount {
                pub id: i64,
                pub email: String,
                pub balance: i64,
            }

            #[derive(AsChangeset, Debug, Default)]
            #[diesel(table_name = versions)]
            pub struct AccountChanges {
                pub email: Option<String>,
                pub balance: Option<i64>,
            }
        }
    )*};
}

diesel::table! {
    versions (id) {
        id -> BigInt,
        email -> Text,
        balance -> BigInt,
        version -> BigInt,
    }
}

versions! {
    /// Eventual, but a row that was read long ago overwrites nothing.
    versioned: (pattern = "cache_aside");
    /// Each hit is compared with the row's version.
    validated: (pattern = "cache_aside", consistency = "strict(validated)");
    /// Puts what it writes; each hit is compared with the row's version.
    validated_through: (pattern = "write_through", consistency = "strict(validated)", bulk = 3);
}

pub const CREATE_VERSIONS: &str = "CREATE TABLE versions (id BIGINT PRIMARY KEY, email VARCHAR(250) NOT NULL UNIQUE, balance BIGINT NOT NULL, version BIGINT NOT NULL)";

/// Written behind; eventual.
pub mod behind {
    use cache_runtime::Cached;
    use diesel::prelude::*;

    use crate::account::accounts;

    #[derive(Queryable, Insertable, Cached, Debug, PartialEq, Eq)]
    #[diesel(table_name = accounts)]
    #[cached(pattern = "write_behind", ttl = "10m", negative_ttl = "10m", merge(balance = "add"))]
    pub struct Account {
        pub id: i64,
        pub email: String,
        pub balance: i64,
    }
}

/// A model of the table `versions` that is written behind, in a module of its own.
macro_rules! seen_by_version {
    ($($(#[$doc:meta])* $module:ident: $on_conflict:literal;)*) => {$(
        $(#[$doc])*
        pub mod $module {
            use cache_runtime::Cached;
            use diesel::prelude::*;

            use super::versions;

            #[derive(Queryable, Insertable, Cached, Debug, PartialEq, Eq, Clone)]
            #[diesel(table_name = versions)]
            #[cached(pattern = "write_behind", ttl = "10m", version = version,
                     on_conflict = $on_conflict, merge(balance = "add"))]
            pub struct Account {
                pub id: i64,
                pub email: String,
                pub balance: i64,
                pub version: i64,
            }
        }
    )*};
}

seen_by_version! {
    /// Written behind; what is based on an older row is refused, or parked.
    behind_reject: "reject";
    /// Written behind; what is based on an older row replaces it, and is counted.
    behind_overwrite: "overwrite";
}
