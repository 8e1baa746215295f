//! For the expansion of the derives alone. Nothing here is public API.

pub use diesel;
pub use serde;

pub use crate::facade::repository::{Cached, Repository};
pub use crate::ports::aggregate::{
    Aggregate, Holds, MemberOf, MemberRows, Members, Role, assert_member, contract, is_as_strong,
    owner, visit_root,
};
pub use crate::ports::behind::{
    Behind, Conflicts, Delta, RowValues, WriteBehind, add, max, min, min_some,
};
pub use crate::ports::column_values::ColumnValues;
pub use crate::ports::condition::Condition;
pub use crate::ports::database::{Database, Dialect};
pub use crate::ports::dependency::{Dependency, Selected, table_of};
pub use crate::ports::embed::{Embed, Part, fingerprint_with, joined, length_of};
pub use crate::ports::expiry::ExpiresAt;
pub use crate::ports::keys_in::KeysIn;
pub use crate::ports::load::Load;
pub use crate::ports::model::{
    BoxError, Change, Concealing, Descriptor, FromRow, Insert, ListOf, Model, Save, Statements,
    Versioned, Writable,
};
pub use crate::ports::touch::touch;
pub use crate::ports::version::{first_version, next_version};
pub use crate::values::error::Result;
pub use crate::values::key::{AsKey, Key, KeyParts, KeyWriter};
pub use crate::values::outbox::{OnConflict, OnFull, OnParked, Outbox};
pub use crate::values::policy::{Consistency, OnWrite, Pattern, Policy};

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSqlRow};
use diesel::row::Row;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _, SeqAccess};
use serde::ser::SerializeTuple;

/// A model that is read from the columns it is cached from.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from its columns",
    label = "has no `Queryable` that reads these columns",
    note = "add `#[derive(Queryable)]`: `Cached` reads rows by it",
    note = "if it is there, the type of a field is not one that its column is read into; the columns, in the order of the fields: `{ST}`"
)]
pub trait ReadFrom<ST, DB: Backend>: Sized {
    /// Reads the row by position.
    fn read_from<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: FromSqlRow<ST, DB>, ST, DB: Backend> ReadFrom<ST, DB> for T {
    fn read_from<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        T::build_from_row(row)
    }
}

/// A field that can be written to the cache.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be written to the cache",
    label = "has neither serde nor `with`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to the type; for one of another crate, turn on its feature `serde`",
    note = "or say how it is encoded: `#[cached(with = path::to::module)]` on the field"
)]
pub trait Encode: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Encode for T {}

/// Writes the next field of a row.
pub fn put<T: Encode, S: SerializeTuple>(out: &mut S, field: &T) -> Result<(), S::Error> {
    out.serialize_element(field)
}

/// A field that comes back from the cache.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be read back from the cache",
    label = "has neither serde nor `with`",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to the type; for one of another crate, turn on its feature `serde`",
    note = "or say how it is encoded: `#[cached(with = path::to::module)]` on the field"
)]
pub trait Decode: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Decode for T {}

/// The next field of a row.
pub fn next<'de, T: Decode, A: SeqAccess<'de>>(input: &mut A) -> Result<T, A::Error> {
    input.next_element()?.ok_or_else(|| A::Error::custom("the row ends early"))
}

/// Compiles only if the declared key is the table's primary key.
#[diagnostic::on_unimplemented(
    message = "the key of this model is not the primary key of its table",
    label = "the table's primary key is `{K}`",
    note = "name the table's primary key, in the table's order: `#[cached(key(..))]`"
)]
pub trait PrimaryKeyIs<K> {}

impl<K> PrimaryKeyIs<K> for K {}

/// Asserts [`PrimaryKeyIs`].
pub const fn assert_primary_key<Declared: PrimaryKeyIs<Actual>, Actual>() {}

/// Keeps its items where the runtime's feature `sqlite` is on.
#[cfg(feature = "sqlite")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_sqlite { ($($item:item)*) => { $($item)* }; }
#[cfg(not(feature = "sqlite"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_sqlite {
    ($($item:item)*) => {};
}

/// Keeps its items where the runtime's feature `postgres` is on.
#[cfg(feature = "postgres")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_postgres { ($($item:item)*) => { $($item)* }; }
#[cfg(not(feature = "postgres"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_postgres {
    ($($item:item)*) => {};
}

/// Keeps its items where the runtime's feature `mysql` is on.
#[cfg(feature = "mysql")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_mysql { ($($item:item)*) => { $($item)* }; }
#[cfg(not(feature = "mysql"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_mysql {
    ($($item:item)*) => {};
}
