//! Models whose rows are not simply a table's: lists, tenants, joined and embedded columns,
//! normalised lookups, rows that expire or come back, aggregates.

pub mod baskets;
pub mod invoices;
pub mod links;
pub mod members;
pub mod orders;
pub mod people;
pub mod posts;
pub mod sessions;

/// All tables, in SQL that every database takes.
pub const TABLES: &[&str] = &[
    orders::CREATE,
    orders::CREATE_VERSIONED,
    members::CREATE,
    members::CREATE_DESKS,
    people::CREATE,
    sessions::CREATE,
    links::CREATE,
    posts::CREATE_AUTHORS,
    posts::CREATE_POSTS,
    posts::CREATE_VIEW,
    invoices::CREATE,
    invoices::CREATE_LINES,
    invoices::CREATE_NOTES,
    baskets::CREATE,
    baskets::CREATE_ITEMS,
];
