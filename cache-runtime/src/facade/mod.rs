//! What an application holds in its hands.

mod aggregates;
pub(crate) mod behind;
pub(crate) mod blocking;
pub(crate) mod builder;
pub(crate) mod cache;
mod checks;
mod codecs;
mod contracts;
pub(crate) mod drift;
mod duties;
#[cfg(feature = "events")]
pub(crate) mod events;
pub(crate) mod into_database;
pub(crate) mod outbox;
pub(crate) mod raw;
pub(crate) mod reconcile;
pub(crate) mod registration;
pub(crate) mod repository;
pub(crate) mod shutdown;
pub(crate) mod touched;
pub(crate) mod transaction;
