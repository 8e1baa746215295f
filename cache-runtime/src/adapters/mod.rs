//! Implementations of the ports. They never import each other.

#[cfg(feature = "bincode")]
pub(crate) mod bincode;
pub(crate) mod dialects;
#[cfg(feature = "diesel-async")]
pub(crate) mod diesel_async;
#[cfg(feature = "events")]
pub(crate) mod event_table;
pub(crate) mod in_process;
pub(crate) mod metrics;
pub(crate) mod null;
#[cfg(feature = "postcard")]
pub(crate) mod postcard;
#[cfg(feature = "r2d2")]
pub(crate) mod r2d2;
#[cfg(feature = "redis")]
pub(crate) mod redis;
pub(crate) mod system;
