//! What the derive says of a model that is written behind.

use std::sync::Arc;

use diesel::insertable::InsertValues;
use diesel::query_source::Table;

use super::column_values::ColumnValues;
use super::database::Dialect;
use super::inserted::{Columns, InsertedRow};
use super::model::{BoxError, Model};
use super::statement::Row;
use super::touch::Touch;
use crate::values::outbox::{OnConflict, Outbox};

/// A model whose writes are acknowledged when they are in its outbox.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not written behind, so it has no outbox",
    note = "write it with `insert`, `update` and `delete`; or declare `pattern = \"write_behind\"`"
)]
pub trait WriteBehind: Model {
    /// Changes of single columns.
    type Delta: Delta;
}

/// Changes of single columns, each by its rule.
pub trait Delta: Send + 'static {
    /// The columns that it sets, with their values.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as JSON.
    fn payload(&self) -> Result<ColumnValues, BoxError>;
}

/// How a backend comes from pending writes to rows.
pub struct Behind<DB: Dialect, M: Model> {
    /// The limits.
    pub outbox: Outbox,
    /// What Diesel makes of a row that is inserted.
    pub values: fn(M) -> RowValues<DB>,
    /// Applies a delta to a row.
    pub apply: fn(&mut M, &ColumnValues) -> Result<(), BoxError>,
    /// The row that a delta begins with where there is none; without it, such a delta is parked.
    pub missing: Option<fn(M::Key) -> M>,
    /// Makes a payload of an earlier version one of the present.
    pub upgrade: Option<Upgrade>,
    /// What reads write.
    pub touch: Option<Touch<M>>,
    /// How writes are told that other programs came before them.
    pub conflicts: Option<Conflicts<M>>,
}

/// How a row's version tells of the writes of other programs.
pub struct Conflicts<M> {
    /// What becomes of a write that is based on an older version.
    pub on: OnConflict,
    /// Sets the row's version.
    pub set: fn(&mut M, i64) -> Result<(), BoxError>,
}

impl<M> Clone for Conflicts<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Conflicts<M> {}

/// Makes a payload of an earlier version one of the present.
pub type Upgrade = fn(u32, &mut ColumnValues) -> Result<(), BoxError>;

impl<DB: Dialect, M: Model> Clone for Behind<DB, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<DB: Dialect, M: Model> Copy for Behind<DB, M> {}

/// The values of one row, their types erased.
pub struct RowValues<DB: Dialect>(pub(super) Row<DB>);

impl<DB: Dialect> Clone for RowValues<DB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<DB: Dialect> RowValues<DB> {
    /// Erases their types. A column that has none is NULL.
    pub fn new<T, V>(values: V) -> Self
    where
        T: Table + Send + Sync + 'static,
        V: InsertValues<DB, T> + Columns<DB> + Send + Sync + 'static,
    {
        Self(Arc::new(InsertedRow::<V, T>::new(values)))
    }
}

/// A column that can be summed: integers, floats, and options of them, where NULL is nothing.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot be merged by `add`",
    note = "`add` takes integers, floats, and options of them; others take `last`, `max` or `min`"
)]
pub trait Summed: Sized {
    /// The sum; none if it does not fit.
    fn sum(&self, other: &Self) -> Option<Self>;
}

macro_rules! summed {
    ($($integer:ty)*) => { $(
        impl Summed for $integer {
            fn sum(&self, other: &Self) -> Option<Self> {
                self.checked_add(*other)
            }
        }
    )* };
}
summed!(i8 i16 i32 i64 u8 u16 u32 u64);

impl Summed for f32 {
    fn sum(&self, other: &Self) -> Option<Self> {
        Some(self + other).filter(|sum| sum.is_finite())
    }
}

impl Summed for f64 {
    fn sum(&self, other: &Self) -> Option<Self> {
        Some(self + other).filter(|sum| sum.is_finite())
    }
}

impl<T: Summed + Clone> Summed for Option<T> {
    fn sum(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Some(one), Some(other)) => one.sum(other).map(Some),
            (one, other) => Some(one.clone().or_else(|| other.clone())),
        }
    }
}

/// `add`: the column holds the sum.
///
/// # Errors
///
/// If the sum does not fit the column.
pub fn add<T: Summed>(column: &mut T, value: T) -> Result<(), BoxError> {
    *column = column.sum(&value).ok_or("the sum does not fit the column")?;
    Ok(())
}

/// `max`: the column holds the greater of the two.
pub fn max<T: PartialOrd>(column: &mut T, value: T) {
    if value > *column {
        *column = value;
    }
}

/// `min`: the column holds the lesser of the two.
pub fn min<T: PartialOrd>(column: &mut T, value: T) {
    if value < *column {
        *column = value;
    }
}

/// `min` of a column that can be NULL, which is nothing, and not the least of all.
pub fn min_some<T: PartialOrd>(column: &mut Option<T>, value: Option<T>) {
    match (&column, &value) {
        (Some(_), None) => {}
        (Some(old), Some(new)) if new >= old => {}
        _ => *column = value,
    }
}
