//! What the suites share: models, databases, stores, and points to hold operations at.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "test support")]

pub mod account;
pub mod databases;
pub mod gate;
pub mod server;
pub mod stores;
