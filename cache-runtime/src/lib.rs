#![doc = include_str!("../docs/RUNTIME.md")]

mod adapters;
mod engine;
mod facade;
pub mod migrations;
mod patterns;
mod values;

/// The ports: what an adapter implements. Each trait's contract is in its docs, and the
/// conformance suite of this project holds every adapter to it.
pub mod ports;
pub mod with;

#[doc(inline)]
pub use cache_derive::{CacheKey, Cached, CachedEmbed};

#[cfg(feature = "bincode")]
pub use adapters::bincode::Bincode;
#[cfg(feature = "diesel-async")]
pub use adapters::diesel_async::{Deadpool, DieselAsync};
pub use adapters::in_process::InProcess;
pub use adapters::metrics::MetricsTelemetry;
pub use adapters::null::Null;
#[cfg(feature = "postcard")]
pub use adapters::postcard::Postcard;
#[cfg(feature = "r2d2")]
pub use adapters::r2d2::R2d2;
#[cfg(feature = "redis")]
pub use adapters::redis::Redis;
#[cfg(all(feature = "redis", feature = "events"))]
pub use adapters::redis::streams::RedisStream;
pub use adapters::system::{RandomTokens, SystemClock};
pub use engine::behind::control::{Fate, OutboxStatus, ParkedRow};
pub use engine::behind::inspect::OutboxWrite;
pub use engine::finding::{Finding, Said};
pub use facade::behind::Enqueued;
pub use facade::blocking::Blocking;
pub use facade::builder::Builder;
pub use facade::cache::Cache;
pub use facade::drift::Drift;
#[cfg(feature = "events")]
pub use facade::events::{Consumed, Events};
pub use facade::into_database::IntoDatabase;
pub use facade::outbox::OutboxControl;
pub use facade::raw::PinnedTx;
pub use facade::reconcile::{Reconcile, Reconciled};
pub use facade::registration::Registration;
pub use facade::repository::{Cached, Repository};
pub use facade::shutdown::Drained;
pub use facade::touched::Touched;
pub use facade::transaction::{Locked, Tx, TxRepository};
pub use ports::aggregate::Whole;
pub use ports::behind::{Delta, WriteBehind};
pub use ports::column_values::ColumnValues;
pub use ports::contract::{Contract, Contracts};
pub use ports::database::Database;
pub use ports::expiry::ExpiresAt;
pub use ports::touch::TouchedAt;
#[doc(inline)]
pub use values::envelope as wire;
pub use values::error::{Error, ErrorKind, Result};
pub use values::key::{AsKey, EntryKey, Key, KeyParts, KeyWriter};
pub use values::moment::Moment;
pub use values::outbox::{OnConflict, OnFull, OnParked, Outbox};
pub use values::policy::{Consistency, OnWrite, Pattern, Policy};
pub use values::token::Token;

/// The models of a cache, for [`Builder::models`].
#[macro_export]
macro_rules! models {
    ($($model:ty),* $(,)?) => { [$($crate::Registration::of::<$model>()),*] };
}

/// The guards against the anomalies, each removable. For this project's own proofs.
#[cfg(feature = "mutants")]
pub mod guard {
    pub use crate::values::guard::{Guard, remove, restore};
}

#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
