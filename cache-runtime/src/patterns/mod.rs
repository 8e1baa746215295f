//! The caching patterns, one short file each, and what a write goes through whatever its pattern.

mod cache_aside;
#[cfg(feature = "events")]
pub(crate) mod event;
pub(crate) mod write;
mod write_through;
