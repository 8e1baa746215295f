//! Diesel's own types for PostgreSQL, which have no serde: `PgInterval`, `PgMoney` (`Cents`),
//! `PgNumeric`, `PgTimestamp`, `PgDate`, `PgTime`, `PgLsn`.

use diesel::pg::data_types::{PgDate, PgInterval, PgLsn, PgMoney, PgNumeric, PgTime, PgTimestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

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

impl Parts for PgNumeric {
    /// Whether it is negative, and weight, scale and digits; none of it for NaN.
    type Parts = Option<(bool, i16, u16, Vec<i16>)>;

    fn parts(&self) -> Self::Parts {
        match self.clone() {
            Self::Positive { weight, scale, digits } => Some((false, weight, scale, digits)),
            Self::Negative { weight, scale, digits } => Some((true, weight, scale, digits)),
            Self::NaN => None,
        }
    }

    fn whole(parts: Self::Parts) -> Self {
        match parts {
            Some((false, weight, scale, digits)) => Self::Positive { weight, scale, digits },
            Some((true, weight, scale, digits)) => Self::Negative { weight, scale, digits },
            None => Self::NaN,
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
