//! Ready `with` modules, for fields whose types have no serde, or one that a codec cannot read
//! back. In the model: `#[cached(with = cache_runtime::with::json)]`.
//!
//! Each takes its types also in `Option`, `Vec` and ranges, and in these within each other. What
//! to write for which type is in `docs/TYPES.md`.

pub mod bytes;
#[cfg(feature = "bigdecimal")]
pub mod decimal;
pub mod display;
#[cfg(feature = "serde_json")]
pub mod json;
#[cfg(feature = "postgres")]
pub mod pg;

use std::marker::PhantomData;
use std::ops::Bound;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field's value that the `with` module of `Form` takes. `Shape` is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what this `with` module takes",
    note = "each module's docs name its types; they may be in `Option`, `Vec` and ranges",
    note = "for a type of your own as JSON: `impl cache_runtime::with::json::Json for ..`",
    note = "for another type write a module with `serialize` and `deserialize`"
)]
pub trait Shaped<Form, Shape>: Sized {
    /// Writes the value.
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error>;

    /// Reads what `write` wrote.
    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error>;
}

/// The shape of one value.
#[derive(Debug)]
pub struct One;
/// The shape of a value or NULL.
#[derive(Debug)]
pub struct Nullable<Shape>(PhantomData<Shape>);
/// The shape of an array.
#[derive(Debug)]
pub struct Array<Shape>(PhantomData<Shape>);
/// The shape of a range.
#[derive(Debug)]
pub struct Range<Shape>(PhantomData<Shape>);

/// Writes through [`Shaped`] where serde is asked for.
struct Write<'a, T, Form, Shape>(&'a T, PhantomData<(Form, Shape)>);

impl<'a, T, Form, Shape> Write<'a, T, Form, Shape> {
    fn new(value: &'a T) -> Self {
        Self(value, PhantomData)
    }
}

impl<T: Shaped<Form, Shape>, Form, Shape> Serialize for Write<'_, T, Form, Shape> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.0.write(out)
    }
}

/// Reads through [`Shaped`] where serde is asked for.
struct Read<T, Form, Shape>(T, PhantomData<(Form, Shape)>);

impl<'de, T: Shaped<Form, Shape>, Form, Shape> Deserialize<'de> for Read<T, Form, Shape> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        T::read(input).map(|value| Self(value, PhantomData))
    }
}

impl<T: Shaped<Form, Shape>, Form, Shape> Shaped<Form, Nullable<Shape>> for Option<T> {
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Write::new).serialize(out)
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let read = Option::<Read<T, Form, Shape>>::deserialize(input)?;
        Ok(read.map(|read| read.0))
    }
}

impl<T: Shaped<Form, Shape>, Form, Shape> Shaped<Form, Array<Shape>> for Vec<T> {
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.iter().map(Write::new))
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let read = Vec::<Read<T, Form, Shape>>::deserialize(input)?;
        Ok(read.into_iter().map(|read| read.0).collect())
    }
}

impl<T: Shaped<Form, Shape>, Form, Shape> Shaped<Form, Range<Shape>> for (Bound<T>, Bound<T>) {
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        (self.0.as_ref().map(Write::new), self.1.as_ref().map(Write::new)).serialize(out)
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        type Bounds<T> = (Bound<T>, Bound<T>);
        let (from, to) = Bounds::<Read<T, Form, Shape>>::deserialize(input)?;
        Ok((from.map(|read| read.0), to.map(|read| read.0)))
    }
}

/// The two functions that serde's `with` and the derive call, for the form of a module.
macro_rules! functions {
    ($form:ty) => {
        /// Writes a field.
        ///
        /// # Errors
        /// Those of the value and of the codec.
        pub fn serialize<T, Shape, S>(value: &T, out: S) -> Result<S::Ok, S::Error>
        where
            T: Shaped<$form, Shape>,
            S: Serializer,
        {
            value.write(out)
        }

        /// Reads a field.
        ///
        /// # Errors
        /// Where the bytes are not what [`serialize`] writes.
        pub fn deserialize<'de, T, Shape, D>(input: D) -> Result<T, D::Error>
        where
            T: Shaped<$form, Shape>,
            D: Deserializer<'de>,
        {
            T::read(input)
        }
    };
}
use functions;
