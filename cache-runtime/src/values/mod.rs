//! Plain values: they know nothing of stores, databases or time passing.

pub mod envelope;
pub(crate) mod error;
#[cfg_attr(
    not(feature = "mutants"),
    expect(unreachable_pub, reason = "public for the project's own proofs alone")
)]
pub(crate) mod guard;
pub(crate) mod key;
mod key_parts;
pub(crate) mod moment;
pub(crate) mod outbox;
pub(crate) mod policy;
pub(crate) mod token;
