//! The caching patterns, one short file each.

pub(crate) mod cache_aside;
