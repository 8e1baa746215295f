use std::future::Future;
use std::pin::Pin;

pub(crate) mod aggregate;
pub(crate) mod batch;
pub(crate) mod behind;
pub(crate) mod bound;
pub(crate) mod clock;
pub(crate) mod codec;
pub(crate) mod column_values;
pub(crate) mod condition;
pub(crate) mod contract;
pub(crate) mod database;
pub(crate) mod dependency;
pub(crate) mod embed;
#[cfg(feature = "events")]
pub(crate) mod event_source;
pub(crate) mod expiry;
pub(crate) mod inserted;
pub(crate) mod keys_in;
pub(crate) mod load;
pub(crate) mod model;

// For drivers, and only they call it.
#[cfg(any(feature = "r2d2", feature = "diesel-async", feature = "testing"))]
pub(crate) mod savepoint;
pub(crate) mod statement;
pub(crate) mod store;
pub(crate) mod telemetry;
pub(crate) mod touch;
pub(crate) mod version;

pub use aggregate::{
    Aggregate, Holds, MemberOf, MemberRows, Members, MembersIn, Reads, Role, Whole,
};
pub use behind::{Behind, Delta, RowValues, Summed, Upgrade, WriteBehind};
pub use clock::{Clock, Tokens};
pub use codec::{Codec, Read};
pub use column_values::ColumnValues;
pub use condition::{Condition, Filter};
pub use database::{Claim, Database, Dialect, RawTransaction, Transaction};
#[cfg(feature = "events")]
pub use event_source::{Batch, DomainEvent, EventSource, Gaps, Guarantee, SetAside, Why};
pub use expiry::ExpiresAt;
pub use load::{Load, Version};
pub use model::{
    BoxError, Change, Concealed, Concealing, Descriptor, FromRow, Insert, KeyOf, ListOf, Model,
    Save, Statements, VersionOf, Versioned, Writable,
};

pub use store::{
    Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Put, Store,
    StoreFacts, Turn,
};
pub use telemetry::{Event, Probe, Telemetry};
pub use touch::{Touch, TouchedAt};

/// A boxed future, for ports that are used as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
