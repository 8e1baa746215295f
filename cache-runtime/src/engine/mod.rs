//! What the patterns are made of: typed entries over a store that may fail,
//! loads that callers share, transactions that settle what they owe the cache,
//! invalidations that are never forgotten.

pub(crate) mod behind;
pub(crate) mod comparison;
pub(crate) mod concealed;
#[cfg(feature = "events")]
pub(crate) mod consumer;
pub(crate) mod debt;
pub(crate) mod dependents;
pub(crate) mod entry;
pub(crate) mod exclusive;
pub(crate) mod fences;
pub(crate) mod finding;
pub(crate) mod flight;
pub(crate) mod in_flight;
pub(crate) mod invalidator;
pub(crate) mod keeper;
pub(crate) mod lists;
pub(crate) mod loader;
pub(crate) mod outbox;
pub(crate) mod reconciler;
pub(crate) mod registrar;
pub(crate) mod registry;
pub(crate) mod relay;
#[cfg(feature = "events")]
pub(crate) mod routes;
pub(crate) mod sampler;
pub(crate) mod session;
pub(crate) mod shield;
pub(crate) mod sources;
pub(crate) mod switch;
pub(crate) mod tier;
pub(crate) mod view;
pub(crate) mod wholes;
