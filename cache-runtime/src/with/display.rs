//! Values as the text that their `Display` writes and their `FromStr` reads, where the two are
//! exact inverses of each other.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

use super::{One, Shaped, functions};

/// The form of this module.
#[derive(Debug)]
pub struct AsDisplayed;

impl<T> Shaped<AsDisplayed, One> for T
where
    T: Display + FromStr,
    T::Err: Display,
{
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(D::Error::custom)
    }
}

functions!(AsDisplayed);
