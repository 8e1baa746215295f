//! Diesel's own types for PostgreSQL, which have no serde: `PgInterval`, `PgMoney` (`Cents`),
//! `PgNumeric`, `PgTimestamp`, `PgDate`, `PgTime`, `PgLsn`.

use diesel::pg::data_types::{PgDate, PgInterval, PgLsn, PgMoney, PgNumeric, PgTime, PgTimestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{One, Shaped, functions};

/// A value that is whole in its parts.
pub trait Parts: Sized {
    /// What the value is made of.
    type Parts: Serialize + DeserializeOwned;

    /// Takes it apart.
    fn parts(&self) -> Self::Parts;

    /// Puts it together.
    fn whole(parts: Self::Parts) -> Self;
}

macro_rules! wrap {
    ($($type:ident: $inner:ty;)*) => {$(
        impl Parts for $type {
            type Parts = $inner;

            fn parts(&self) -> $inner {
                self.0
            }

            fn whole(inner: $inner) -> Self {
                Self(inner)
            }
        }
    )*};
}

wrap! {
    PgMoney: i64;
    PgTimestamp: i64;
    PgDate: i32;
    PgTime: i64;
    PgLsn: u64;
}

impl Parts for PgInterval {
    type Parts = (i64, i32, i32);

    fn parts(&self) -> Self::Parts {
        (self.microseconds, self.days, self.months)
    }

    fn whole((microseconds, days, months): Self::Parts) -> Self {
        Self { microseconds, days, months }
    }
}

/// The parts of a number: weight, scale and digits.
#[derive(Debug, Serialize, Deserialize)]
pub enum Numeric {
    /// Above zero, or zero.
    Positive(i16, u16, Vec<i16>),
    /// Below zero.
    Negative(i16, u16, Vec<i16>),
    /// Not a number.
    NaN,
}

impl Parts for PgNumeric {
    type Parts = Numeric;

    fn parts(&self) -> Numeric {
        match self.clone() {
            Self::Positive { weight, scale, digits } => Numeric::Positive(weight, scale, digits),
            Self::Negative { weight, scale, digits } => Numeric::Negative(weight, scale, digits),
            Self::NaN => Numeric::NaN,
        }
    }

    fn whole(parts: Numeric) -> Self {
        match parts {
            Numeric::Positive(weight, scale, digits) => Self::Positive { weight, scale, digits },
            Numeric::Negative(weight, scale, digits) => Self::Negative { weight, scale, digits },
            Numeric::NaN => Self::NaN,
        }
    }
}

/// The form of this module.
#[derive(Debug)]
pub struct InParts;

impl<T: Parts> Shaped<InParts, One> for T {
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.parts().serialize(out)
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        T::Parts::deserialize(input).map(T::whole)
    }
}

functions!(InParts);
