//! Implementations of the ports. They never import each other.

#[cfg(feature = "diesel-async")]
pub(crate) mod diesel_async;
pub(crate) mod dialects;
#[cfg(feature = "r2d2")]
pub(crate) mod r2d2;
