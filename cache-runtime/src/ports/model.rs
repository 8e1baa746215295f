//! What a cached model is: the target of the derive.

use diesel::deserialize;
use diesel::query_builder::QueryFragment;
use diesel::row::Row;
use serde::de::SeqAccess;
use serde::ser::SerializeTuple;

use super::database::{Dialect, Load};
use crate::values::key::{Key, KeyParts};
use crate::values::policy::Policy;

/// An error of a codec or a field, whatever its type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is known of a model before anything runs.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// The struct's name.
    pub model: &'static str,
    /// The cached columns, in the order of the fields.
    pub columns: &'static [&'static str],
    /// The primary key's columns.
    pub key: &'static [&'static str],
    /// The unique lookups, by method name.
    pub lookups: &'static [&'static str],
    /// Changes with every field's name, type or order, and with `cache_version`.
    pub fingerprint: u64,
    /// The declared strategy.
    pub policy: Policy,
}

/// A Diesel model with a caching strategy. Implemented by `#[derive(Cached)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cached model",
    label = "no caching strategy is declared for this type",
    note = "add `#[derive(Cached)]` and `#[cached(pattern = \"cache_aside\", ttl = \"10m\")]`"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// The primary key: one column's type, or a tuple in the table's order.
    type Key: Key;
    /// One variant for each unique lookup, holding its value.
    type Lookup: Clone + Send + Sync + 'static;
    /// The Diesel table.
    type Table: Default + Send + Sync + 'static;

    /// Name, columns, fingerprint and policy.
    const DESCRIPTOR: Descriptor;

    /// The row's primary key.
    fn key(&self) -> Self::Key;

    /// Calls `visit` with each unique lookup's index and this row's value of it.
    fn each_lookup(&self, visit: &mut dyn FnMut(usize, &dyn KeyParts));

    /// Writes every field, in order; as many as the descriptor has columns.
    fn encode_fields<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error>;

    /// Reads what `encode_fields` wrote.
    fn decode_fields<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error>;

    /// Writes the key's columns, as many as the descriptor's key has.
    fn encode_key<S: SerializeTuple>(key: &Self::Key, out: &mut S) -> Result<(), S::Error>;

    /// Reads what `encode_key` wrote.
    fn decode_key<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self::Key, A::Error>;
}

/// A model's statements on one backend. Implemented by `#[derive(Cached)]`
/// for each backend that cache-runtime has turned on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no statements for the backend `{DB}`",
    label = "not cached on this backend",
    note = "turn on the feature of this backend (`sqlite`, `postgres`) in cache-runtime",
    note = "if the model says `backends(..)` or `check_for_backend(..)`, name the backend there"
)]
pub trait Statements<DB: Dialect>: FromRow<DB> + Model<Table: QueryFragment<DB>> {
    /// The rows with these keys, in any order.
    fn by_keys(keys: Vec<Self::Key>) -> Load<DB, Self>;

    /// The row with this unique value.
    fn by_lookup(lookup: Self::Lookup) -> Load<DB, Self>;

    /// Deletes the row with this key, and returns it.
    fn delete(key: Self::Key) -> Load<DB, Self>;
}

/// A value read from one database row.
pub trait FromRow<DB: Dialect>: Sized + Send + 'static {
    /// Reads the row by position.
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self>;
}

/// A struct that can be inserted as a row of `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as an insert struct of `{M}`",
    note = "name it on the model: `#[cached(insert = {Self})]`"
)]
pub trait Insert<M, DB: Dialect>: Send + 'static {
    /// Inserts, and returns the row as the database holds it.
    fn insert(self) -> Load<DB, M>;
}

/// A struct that can change a row of `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a changeset of `{M}`",
    note = "name it on the model: `#[cached(changeset = {Self})]`"
)]
pub trait Change<M: Model, DB: Dialect>: Send + 'static {
    /// Updates the row with this key, and returns it as the database holds it.
    fn update(self, key: M::Key) -> Load<DB, M>;
}

/// A struct that can be inserted as a row of `M`, or else change the row that
/// has its primary key by `C`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` with `{C}` is not declared as an upsert of `{M}`",
    note = "name both on the model: `#[cached(insert = {Self}, changeset = {C})]`"
)]
pub trait Upsert<M, DB: Dialect, C>: Send + 'static {
    /// Inserts or updates, and returns the row as the database holds it.
    fn upsert(self, change: C) -> Load<DB, M>;
}
