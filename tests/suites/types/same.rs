//! What it means that two columns are equal: to the last bit.

use std::ops::Bound;

use bigdecimal::BigDecimal;
use serde_json::Value;

pub(crate) trait Same {
    fn same(&self, other: &Self) -> bool;
}

macro_rules! as_compared {
    ($($type:ty),* $(,)?) => {$(
        impl Same for $type {
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}

as_compared! {
    i8, i16, i32, i64, u8, u16, u32, u64, bool, String, [u8; 6], [u8; 8],
    chrono::NaiveDate, chrono::NaiveTime, chrono::NaiveDateTime, chrono::DateTime<chrono::Utc>,
    chrono::Duration, time::Date, time::Time, time::PrimitiveDateTime,
    std::time::SystemTime, uuid::Uuid, ipnetwork::IpNetwork, ipnet::IpNet,
    diesel::data_types::PgTimestamp, diesel::data_types::PgDate, diesel::data_types::PgTime,
    diesel::data_types::PgInterval, diesel::data_types::PgMoney, diesel::data_types::PgNumeric,
    diesel::data_types::PgLsn, crate::own::Mood, crate::own::Meters, crate::own::Secret,
    crate::own::Link, crate::own::Limit,
}

impl Same for f32 {
    fn same(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Same for f64 {
    fn same(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

/// 1.0 equals 1.00, but is not the same.
impl Same for BigDecimal {
    fn same(&self, other: &Self) -> bool {
        self.as_bigint_and_exponent() == other.as_bigint_and_exponent()
    }
}

/// -0.0 equals 0.0, but is not the same.
impl Same for Value {
    fn same(&self, other: &Self) -> bool {
        self == other && format!("{self}") == format!("{other}")
    }
}

/// One moment in two zones is equal, but not the same.
impl Same for time::OffsetDateTime {
    fn same(&self, other: &Self) -> bool {
        self == other && self.offset() == other.offset()
    }
}

impl<T: Same> Same for Option<T> {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.same(other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: Same> Same for Vec<T> {
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(one, other)| one.same(other))
    }
}

impl<T: Same> Same for (Bound<T>, Bound<T>) {
    fn same(&self, other: &Self) -> bool {
        let bound = |one: &Bound<T>, other: &Bound<T>| match (one, other) {
            (Bound::Included(one), Bound::Included(other)) => one.same(other),
            (Bound::Excluded(one), Bound::Excluded(other)) => one.same(other),
            (Bound::Unbounded, Bound::Unbounded) => true,
            _ => false,
        };
        bound(&self.0, &other.0) && bound(&self.1, &other.1)
    }
}

#[test]
fn what_is_equal_may_not_be_the_same() {
    assert!(!0.0_f64.same(&-0.0) && f32::NAN.same(&f32::NAN));
    let decimal = |text: &str| text.parse::<BigDecimal>().unwrap();
    assert!(decimal("1.0") == decimal("1.00") && !decimal("1.0").same(&decimal("1.00")));
    assert!(!Value::from(0.0).same(&Value::from(-0.0)));
    assert!(!Some(Value::Null).same(&None));
    assert!(!vec![1].same(&vec![1, 2]));
    assert!(!(Bound::Included(1), Bound::Unbounded).same(&(Bound::Excluded(1), Bound::Unbounded)));
}
