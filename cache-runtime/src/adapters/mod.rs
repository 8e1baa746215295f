//! Implementations of the ports. They never import each other.

pub(crate) mod dialects;
#[cfg(feature = "diesel-async")]
pub(crate) mod diesel_async;
#[cfg(feature = "r2d2")]
pub(crate) mod r2d2;
