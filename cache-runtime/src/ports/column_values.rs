//! What a pending write says: values by the names of their columns, as JSON, so that it survives
//! the deploys between its enqueueing and its flush.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::SeqDeserializer;
use serde::ser::{Error as _, SerializeTuple, Serializer as _};
use serde_json::{Map, Value};

use super::model::{BoxError, Model};

/// Where the version stands that a write is based on: no column has this name.
const BASE: &str = "$base";

/// Values by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnValues(Map<String, Value>);

impl ColumnValues {
    /// All columns of a row.
    ///
    /// # Errors
    ///
    /// If a field cannot be written as JSON.
    pub fn of_row<M: Model>(row: &M) -> Result<Self, BoxError> {
        named(M::DESCRIPTOR.columns, |out| row.encode_fields(out))
    }

    /// The key's columns alone.
    ///
    /// # Errors
    ///
    /// If one cannot be written as JSON.
    pub fn of_key<M: Model>(key: &M::Key) -> Result<Self, BoxError> {
        named(M::DESCRIPTOR.key, |out| M::encode_key(key, out))
    }

    /// Reads a row.
    ///
    /// # Errors
    ///
    /// If a column is missing, or holds what its field cannot be read from.
    pub fn row<M: Model>(&self) -> Result<M, BoxError> {
        Ok(M::decode_fields(&mut self.values(M::DESCRIPTOR.columns)?)?)
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// As [`row`](Self::row).
    pub fn key<M: Model>(&self) -> Result<M::Key, BoxError> {
        Ok(M::decode_key(&mut self.values(M::DESCRIPTOR.key)?)?)
    }

    fn values(
        &self,
        columns: &[&str],
    ) -> Result<SeqDeserializer<std::vec::IntoIter<Value>, serde_json::Error>, BoxError> {
        let value = |column: &&str| {
            self.0.get(*column).cloned().ok_or_else(|| format!("the column `{column}` is missing"))
        };
        let values: Vec<Value> = columns.iter().map(value).collect::<Result<_, _>>()?;
        Ok(SeqDeserializer::new(values.into_iter()))
    }

    /// Sets a column.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON.
    pub fn set(&mut self, column: &str, value: &impl Serialize) -> Result<(), BoxError> {
        self.0.insert(column.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// The value of a column, if it has one here.
    ///
    /// # Errors
    ///
    /// If it is not one of this type.
    pub fn get<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, BoxError> {
        let value = self.0.get(column).cloned().map(serde_json::from_value);
        value.transpose().map_err(|error| format!("the column `{column}`: {error}").into())
    }

    /// Moves a column's value to another: for an `upgrade` after one was renamed.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(value) = self.0.remove(from) {
            self.0.insert(to.to_owned(), value);
        }
    }

    /// Takes a column out: for an `upgrade` after one was dropped.
    pub fn remove(&mut self, column: &str) {
        self.0.remove(column);
    }

    /// Whether the column has a value here.
    pub fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// The version that the row had when this was written; none if there was no row. Nothing if that
    /// was not looked at.
    pub(crate) fn base(&self) -> Option<Option<i64>> {
        self.0.get(BASE).map(Value::as_i64)
    }

    pub(crate) fn set_base(&mut self, version: Option<i64>) {
        self.0.insert(BASE.to_owned(), version.into());
    }

    /// Adds the columns of another; its values count.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    pub(crate) fn from_json(json: &str) -> Result<Self, BoxError> {
        Ok(Self(serde_json::from_str(json)?))
    }
}

type Elements = <serde_json::value::Serializer as serde::Serializer>::SerializeTuple;

fn named(
    columns: &[&str],
    write: impl FnOnce(&mut Elements) -> Result<(), serde_json::Error>,
) -> Result<ColumnValues, BoxError> {
    let mut elements = serde_json::value::Serializer.serialize_tuple(columns.len())?;
    write(&mut elements)?;
    let Value::Array(values) = elements.end()? else {
        return Err(serde_json::Error::custom("a row is not a sequence of columns").into());
    };
    if values.len() != columns.len() {
        return Err("a row has not as many values as columns".into());
    }
    Ok(ColumnValues(columns.iter().map(|column| (*column).to_owned()).zip(values).collect()))
}
