//! What a cached model is: the target of the derive.

use diesel::deserialize;
use diesel::query_builder::QueryFragment;
use diesel::row::Row;
use serde::de::SeqAccess;
use serde::ser::SerializeTuple;

use super::condition::Condition;
use super::database::Dialect;
use super::load::Load;
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
    /// The column that counts the row's versions, if one does.
    pub version: Option<&'static str>,
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

    /// The row's version, where the model declares one.
    fn version(&self) -> Option<i64> {
        None
    }

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
    note = "if it is not a cached model yet: add `#[derive(Cached)]` and `#[cached(pattern = \"cache_aside\", ttl = \"10m\")]`",
    note = "turn on the feature of this backend (`sqlite`, `postgres`, `mysql`) in cache-runtime",
    note = "if the model says `backends(..)` or `check_for_backend(..)`, name the backend there",
    note = "in code that is generic over the database: `D: Database<Backend = Pg>`, or of another backend"
)]
pub trait Statements<DB: Dialect>: FromRow<DB> + Model<Table: QueryFragment<DB>> {
    /// Holds for the row with this key.
    fn is(key: Self::Key) -> Condition<DB>;

    /// Holds for the rows with these keys.
    fn among(keys: Vec<Self::Key>) -> Condition<DB>;

    /// Holds for the row with this unique value.
    fn carries(lookup: Self::Lookup) -> Condition<DB>;
}

/// A value read from one database row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not read from the rows of `{DB}`",
    note = "`#[derive(Cached)]` makes a model so, through its `Queryable`"
)]
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
pub trait Change<M, DB: Dialect>: Send + 'static {
    /// Updates the rows for which the condition holds, and returns them as the database holds
    /// them.
    fn update(self, rows: Condition<DB>) -> Load<DB, M>;
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

/// A model whose whole row can be written back.
#[diagnostic::on_unimplemented(
    message = "rows of `{Self}` are not declared to be written as a whole",
    note = "say so on the model: `#[cached(save)]`; every column but the key and the version is then written"
)]
pub trait Save<DB: Dialect>: Statements<DB> {
    /// Writes every column of the row with this row's key, and returns it as the database
    /// holds it.
    fn save(self) -> Load<DB, Self>;
}

/// A model that declares a version column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` declares no version, so a write cannot tell whether the row has changed since it was read",
    note = "add `version = column` to `#[cached(..)]`; or lock the row with `tx.lock(key)` in a transaction and save it there"
)]
pub trait Versioned: Model {}
