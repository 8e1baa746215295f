//! `bigdecimal::BigDecimal`, whose own serde asks the bytes what they hold, which a codec does not
//! know, and whose text forgets the scale of a small zero: `0E-15` comes back as `0`.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

use super::{One, Shaped, functions};

/// The form of this module: the digits as one whole number, and the scale.
#[derive(Debug)]
pub struct AsDigits;

impl Shaped<AsDigits, One> for BigDecimal {
    fn write<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let (digits, scale) = self.as_bigint_and_exponent();
        (digits.to_signed_bytes_le(), scale).serialize(out)
    }

    fn read<'de, D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let (digits, scale) = <(Vec<u8>, i64)>::deserialize(input)?;
        Ok(Self::new(BigInt::from_signed_bytes_le(&digits), scale))
    }
}

functions!(AsDigits);
