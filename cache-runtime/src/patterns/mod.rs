//! The caching patterns, one short file each, and what a write goes through whatever its pattern.

mod cache_aside;
#[cfg(feature = "events")]
pub(crate) mod event;
pub(crate) mod touch_on_read;
pub(crate) mod write;
pub(crate) mod write_behind;
mod write_through;
