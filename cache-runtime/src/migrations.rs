//! The tables that the cache needs in the database, as Diesel's migrations.
//!
//! `cache-ctl migrations export` writes them into the folder of an application's own migrations.
//! The role that the application runs as needs no right to create tables.

mod triggers;

pub use triggers::{Triggers, Written};

/// A migration, as a folder of Diesel's has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The folder's name.
    pub name: &'static str,
    /// `up.sql`
    pub up: &'static str,
    /// `down.sql`. It refuses where something would be lost.
    pub down: &'static str,
}

/// Those of one database, in order.
macro_rules! migrations {
    ($(#[$doc:meta])* $database:ident, $folder:literal: $($name:literal),+) => {
        $(#[$doc])*
        pub const $database: &[Migration] = &[$(Migration {
            name: $name,
            up: include_str!(concat!("../migrations/", $folder, "/", $name, "/up.sql")),
            down: include_str!(concat!("../migrations/", $folder, "/", $name, "/down.sql")),
        }),+];
    };
}

migrations!(
    /// For SQLite.
    SQLITE, "sqlite": "2026-11-25-000001_cache_invalidations",
        "2026-11-26-000001_cache_contracts",
        "2026-11-26-000002_cache_events",
        "2026-11-26-000003_cache_outbox"
);
migrations!(
    /// For PostgreSQL.
    POSTGRES, "postgres": "2026-11-25-000001_cache_invalidations",
        "2026-11-26-000001_cache_contracts",
        "2026-11-26-000002_cache_events",
        "2026-11-26-000003_cache_outbox"
);
migrations!(
    /// For MySQL and MariaDB.
    MYSQL, "mysql": "2026-11-25-000001_cache_invalidations",
        "2026-11-26-000001_cache_contracts",
        "2026-11-26-000002_cache_events",
        "2026-11-26-000003_cache_outbox"
);
