//! What a cached model is: the target of the derive.

use std::any::TypeId;
use std::marker::PhantomData;
use std::time::SystemTime;

use diesel::deserialize;
use diesel::query_builder::QueryFragment;
use diesel::row::Row;
use serde::de::SeqAccess;
use serde::ser::SerializeTuple;

use super::aggregate::Role;
use super::behind::Behind;
use super::condition::Condition;
use super::database::Dialect;
use super::dependency::{Dependency, Selected};
use super::load::Load;
use crate::values::key::{Key, KeyParts, KeyWriter};
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
    /// The lists.
    pub lists: &'static [ListOf],
    /// Changes with what a list is made of, and as the rows' does.
    pub lists_fingerprint: u64,
    /// What is looked up by columns that the struct leaves out.
    pub concealed: Concealing,
    /// The column that counts the row's versions, if one does.
    pub version: Option<&'static str>,
    /// What it is in an aggregate.
    pub role: Role,
    /// Whether it has no writes.
    pub read_only: bool,
    /// Whether it has columns that others change.
    pub volatile: bool,
    /// Changes with every field's name, type or order, and with `cache_version`.
    pub fingerprint: u64,
    /// The declared strategy.
    pub policy: Policy,
}

/// Lookups by columns that the struct leaves out: a row does not tell its values of them.
#[derive(Debug, Clone, Copy)]
pub struct Concealing {
    /// The lookups, by index.
    pub lookups: &'static [usize],
    /// The columns of the first, then those of the next.
    pub columns: &'static [&'static str],
}

/// A list of the rows that share some values.
#[derive(Debug, Clone, Copy)]
pub struct ListOf {
    /// What its methods are called by.
    pub name: &'static str,
    /// The columns that it is sorted by, each with whether the greatest comes first. With the key
    /// at the end, no two rows are equal.
    pub order: &'static [(&'static str, bool)],
    /// How many rows a page has.
    pub limit: usize,
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
    /// One variant for each unique lookup and each list, holding its values.
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

    /// Calls `visit` with the index of each list that the row is in, and the values that its rows
    /// share.
    fn each_list(&self, _visit: &mut dyn FnMut(usize, &dyn KeyParts)) {}

    /// Whether a list sorts this row and another with the same key alike.
    fn same_order(&self, _other: &Self, _list: usize) -> bool {
        false
    }

    /// The model of the root, where rows are members of an aggregate.
    fn root() -> Option<TypeId> {
        None
    }

    /// The models of the members, where rows are roots of aggregates.
    fn members() -> Vec<TypeId> {
        Vec::new()
    }

    /// Calls `visit` with the key of the root that the row is a member of.
    fn each_root(&self, _visit: &mut dyn FnMut(&dyn KeyParts)) {}

    /// When the row expires, where the model declares it.
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }

    /// Whether the two differ at most in columns that are declared volatile.
    fn same_but_volatile(&self, _other: &Self) -> bool {
        false
    }

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

    /// Holds for the row with this unique value, or for the rows of this list.
    fn carries(lookup: Self::Lookup) -> Condition<DB>;

    /// Holds for the rows that a list has after this one.
    fn after(_list: usize, _row: &Self) -> Condition<DB> {
        Condition::all([])
    }

    /// Calls `visit` with each concealed lookup's index and its value, from a row of their columns.
    fn each_concealed<'a>(
        _row: &impl Row<'a, DB>,
        _visit: &mut dyn FnMut(usize, &dyn KeyParts),
    ) -> deserialize::Result<()> {
        Ok(())
    }

    /// The key, from a row of its columns alone: for models that depend on others, and for those whose
    /// hits are validated.
    fn key_from_row<'a>(_row: &impl Row<'a, DB>) -> deserialize::Result<Self::Key> {
        Err("only a model that depends on others, or is validated, is read by its key alone".into())
    }

    /// How pending writes become rows, where the model is written behind.
    fn behind() -> Option<Behind<DB, Self>> {
        None
    }

    /// The models whose rows this one shows something of.
    fn dependencies() -> Vec<Dependency<DB>> {
        Vec::new()
    }

    /// What is selected, where that is more than the table has.
    fn selected() -> Option<Selected<DB>> {
        None
    }
}

/// A model whose rows can be written through its repository.
#[diagnostic::on_unimplemented(
    message = "the rows of `{Self}` cannot be written or locked directly through it",
    note = "if it is `read_only`: write them through the model of the table itself, on which this one may depend: `depends_on(Other, via = column)`",
    note = "if it is written behind: use `enqueue`, `merge` and `enqueue_delete`"
)]
pub trait Writable: Model {}

/// A value read from one database row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not read from the rows of `{DB}`",
    note = "`#[derive(Cached)]` makes a model so, through its `Queryable`"
)]
pub trait FromRow<DB: Dialect>: Sized + Send + 'static {
    /// Reads the row by position.
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self>;
}

/// One row's values of the lookups that a model conceals: the lookup's index, and the value as it
/// is written in a key.
pub struct Concealed<M> {
    pub(crate) values: Vec<(usize, KeyWriter)>,
    model: PhantomData<fn() -> M>,
}

impl<DB: Dialect, M: Statements<DB>> FromRow<DB> for Concealed<M> {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let mut values = Vec::new();
        M::each_concealed(row, &mut |index, value| {
            let mut written = KeyWriter::default();
            value.write_parts(&mut written);
            values.push((index, written));
        })?;
        Ok(Self { values, model: PhantomData })
    }
}

/// A row's key alone.
pub struct KeyOf<M: Model>(pub(crate) M::Key);

impl<DB: Dialect, M: Statements<DB>> FromRow<DB> for KeyOf<M> {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        M::key_from_row(row).map(Self)
    }
}

/// A row's key and its version.
pub struct VersionOf<M: Model>(pub(crate) M::Key, pub(crate) i64);

impl<DB: Dialect, M: Statements<DB>> FromRow<DB> for VersionOf<M> {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let width = M::DESCRIPTOR.key.len();
        let key = M::key_from_row(&row.partial_row(0..width))?;
        let version = DB::integer(row, width)?.ok_or("a version is NULL")?;
        Ok(Self(key, version))
    }
}

/// A struct that can be inserted as a row of `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as an insert struct of `{M}`",
    note = "name it on the model: `#[cached(insert = {Self})]`"
)]
pub trait Insert<M, DB: Dialect>: Send + 'static {
    /// Inserts, and returns the row as the database holds it.
    fn insert(self) -> Load<DB, M>;

    /// The same, but returns nothing, and has done nothing, if another row has one of its unique
    /// values.
    fn insert_if_new(self) -> Load<DB, M>;
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

/// A model whose whole row can be written back.
#[diagnostic::on_unimplemented(
    message = "rows of `{Self}` are not declared to be written as a whole",
    note = "say so on the model: `#[cached(save)]`; every column but the key and the version is then written"
)]
pub trait Save<DB: Dialect>: Statements<DB> + Writable {
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
