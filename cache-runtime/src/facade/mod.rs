//! What an application holds in its hands.

pub(crate) mod repository;
