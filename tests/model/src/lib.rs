//! Models of the caching protocols, small enough to visit every state that they
//! can reach: one key, a few readers and writers, crashes, losses, delays.
//!
//! Each [`Protocol`](protocol::Protocol) is checked with all its defences, under
//! which its promise must hold in every state, and without each of them, where it
//! must break. So a defence that nothing needs is found out, and a model that
//! cannot fail. What is modelled, and what is not, is in `docs/MODELS.md`.
//!
//! To add a protocol: one file that implements the trait, one line in
//! [`PROTOCOLS`], one table in the document.

pub mod aggregate;
pub mod bounded;
pub mod check;
pub mod events;
pub mod fenced;
pub mod flight;
pub mod lease_fill;
pub mod protocol;
pub mod report;
pub mod skew;
pub mod validated;
pub mod write_behind;

#[cfg(test)]
mod documented;

use aggregate::Aggregate;
use bounded::Bounded;
use events::Events;
use fenced::Fenced;
use fenced::world::{Courtesy, Strict};
use lease_fill::LeaseFill;
use report::{Listed, listed};
use skew::Skew;
use validated::Validated;
use write_behind::WriteBehind;

/// All protocols, in the order in which they are checked.
pub const PROTOCOLS: &[Listed] = &[
    listed::<LeaseFill>(),
    listed::<Fenced<Strict>>(),
    listed::<Fenced<Courtesy>>(),
    listed::<Validated>(),
    listed::<Bounded>(),
    listed::<WriteBehind>(),
    listed::<Skew>(),
    listed::<Aggregate>(),
    listed::<Events>(),
];
