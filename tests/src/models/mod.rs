//! Models of our own making, each with traits of real ones: they are not
//! written for caching, and none derives more than its application needs.

// What the derive puts beside a model must please users who are strict.
#![deny(
    missing_docs,
    unreachable_pub,
    unused,
    unused_qualifications,
    private_interfaces,
    private_bounds,
    clippy::all,
    clippy::pedantic
)]
#![expect(clippy::option_option, reason = "a column left alone, cleared or set: as Diesel has it")]

pub mod account;
pub mod article;
pub mod carrier;
pub mod document;
pub mod seat;
pub mod setting;
pub mod webhook;

/// The statements that create a model's table.
pub struct Sql {
    /// For SQLite, unless the model is for PostgreSQL alone.
    pub sqlite: Option<&'static str>,
    /// For PostgreSQL.
    pub postgres: &'static str,
    /// For `MySQL`, unless the model is for PostgreSQL alone.
    pub mysql: Option<&'static str>,
}

/// A value that differs in every column for every `n`.
pub trait Sample {
    /// The value number `n`.
    fn sample(n: i32) -> Self;
}
