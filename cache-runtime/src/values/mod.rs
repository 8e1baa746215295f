//! Plain values: they know nothing of stores, databases or time passing.

pub mod envelope;
pub(crate) mod error;
pub mod guard;
pub(crate) mod key;
pub(crate) mod moment;
pub(crate) mod policy;
pub(crate) mod token;
