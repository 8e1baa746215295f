//! A cached row equals a fresh load, column by column: rows of every supported type, on every
//! database and store. `docs/TYPES.md` says what is supported, and has to say what is here.

#[path = "types/check.rs"]
mod check;
#[path = "types/columns.rs"]
mod columns;
#[path = "types/draw.rs"]
mod draw;
#[path = "types/keys.rs"]
mod keys;
#[path = "types/modules.rs"]
mod modules;
#[path = "types/mysql.rs"]
mod mysql;
#[path = "types/own.rs"]
mod own;
#[path = "types/page.rs"]
mod page;
#[path = "types/postgres.rs"]
mod postgres;
#[path = "types/same.rs"]
mod same;
#[path = "types/sqlite.rs"]
mod sqlite;
