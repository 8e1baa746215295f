//! JSON, which describes itself, and so cannot be read from a codec that does not: it goes as text.
//! For `serde_json::Value`, and for types of your own that implement [`Json`].
//!
//! SQL's NULL and JSON's `null` stay apart: `None` and `Some(Value::Null)`. Numbers keep each bit:
//! the feature turns on serde_json's `float_roundtrip`.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

use super::{One, Shaped, functions};

/// A type that is written and read as a JSON document.
///
/// Implement it for a type of your own whose serde needs a format that describes itself, as with
/// `#[serde(untagged)]`, `#[serde(flatten)]` or a `serde_json::Value` inside:
/// `impl cache_runtime::with::json::Json for Settings {}`.
pub trait Json: Serialize + DeserializeOwned {}

impl Json for serde_json::Value {}

/// The form of this module.
#[derive(Debug)]
pub struct AsJson;

impl<T: Json> Shaped<AsJson, One> for T {
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&serde_json::to_string(self).map_err(S::Error::custom)?)
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        serde_json::from_str(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}

functions!(AsJson);
