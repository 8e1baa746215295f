//! Values of each type: half of them from its edges, half from anywhere.

use std::ops::Bound;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

/// A source of values, the same for each seed.
pub(crate) struct Draw(TestRunner);

impl Draw {
    pub(crate) fn seeded(seed: u8) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    pub(crate) fn one<S: Strategy>(&mut self, of: &S) -> S::Value {
        of.new_tree(&mut self.0).expect("no strategy here gives up").current()
    }

    pub(crate) fn or_null<S: Strategy>(&mut self, of: &S) -> Option<S::Value> {
        (self.one(&(0..4)) > 0).then(|| self.one(of))
    }
}

/// Half of the time one of `edges`.
pub(crate) fn edged<T: Clone + std::fmt::Debug + 'static>(
    edges: impl Into<Vec<T>>,
    rest: impl Strategy<Value = T>,
) -> impl Strategy<Value = T> {
    prop_oneof![proptest::sample::select(edges.into()), rest]
}

/// All bits of an integer.
macro_rules! int {
    ($type:ty) => {
        crate::draw::edged([<$type>::MIN, <$type>::MAX, 0], proptest::prelude::any::<$type>())
    };
}
pub(crate) use int;

/// A float. `$odd` are the odd ones that a database takes.
macro_rules! float {
    ($type:ident, $odd:expr) => {
        crate::draw::edged(
            [&[0.0, -0.0, $type::MAX, $type::MIN, $type::MIN_POSITIVE, 0.1][..], &$odd].concat(),
            proptest::num::$type::NORMAL | proptest::num::$type::SUBNORMAL,
        )
    };
}
pub(crate) use float;

/// Any text that a database takes: there is no NUL in it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let letter = any::<char>().prop_map(|it| if it == '\0' { '\u{1F980}' } else { it });
    let edges = ["", " ", "'\"\\%_", "\u{1}\u{7f}\u{FFFD}", "e\u{301}\u{200D}"].map(str::to_owned);
    edged(edges, vec(letter, 0..20).prop_map(String::from_iter))
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    edged([vec![], vec![0], vec![0xFF; 300]], vec(any::<u8>(), 0..60))
}

/// A decimal number, whose scale is part of it.
pub(crate) fn decimal(
    digits: u32,
    scales: std::ops::Range<i64>,
) -> impl Strategy<Value = BigDecimal> {
    let limit = 10_i128.pow(digits);
    let number = edged([0, 1, -1, 100, limit - 1], -limit..limit);
    (number, scales).prop_map(|(number, scale)| BigDecimal::new(BigInt::from(number), scale))
}

/// A document, or its own `null`. No number in it is larger than `most`.
pub(crate) fn json(most: u64) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        int!(i64).prop_map(Value::from),
        edged([most], 0..most).prop_map(Value::from),
        float!(f64, []).prop_map(Value::from),
        (0.0..1000.0).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Seconds and nanoseconds since 1970.
pub(crate) fn instant(seconds: std::ops::RangeInclusive<i64>) -> impl Strategy<Value = (i64, u32)> {
    let edges = [*seconds.start(), *seconds.end(), 0.clamp(*seconds.start(), *seconds.end())];
    let nanos = edged([0, 1_000, 1_000_000, 999_999_000, 123_456_789], 0..1_000_000_000_u32);
    (edged(edges, seconds), nanos)
}

/// A range, of bounds of each kind, which may be empty.
pub(crate) fn range<T: Ord + Clone + std::fmt::Debug>(
    of: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = (Bound<T>, Bound<T>)> {
    (of.clone(), of, 0..3, 0..3).prop_map(|(one, other, lower, upper)| {
        let bound = |kind, value| match kind {
            0 => Bound::Unbounded,
            1 => Bound::Included(value),
            _ => Bound::Excluded(value),
        };
        let (least, most) = if one <= other { (one, other) } else { (other, one) };
        (bound(lower, least), bound(upper, most))
    })
}

pub(crate) mod chrono {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
    use proptest::prelude::*;

    pub(crate) fn utc(
        seconds: std::ops::RangeInclusive<i64>,
    ) -> impl Strategy<Value = DateTime<Utc>> + Clone {
        super::instant(seconds)
            .prop_map(|(s, n)| DateTime::from_timestamp(s, n).expect("in range"))
            .boxed()
    }

    pub(crate) fn naive(
        seconds: std::ops::RangeInclusive<i64>,
    ) -> impl Strategy<Value = NaiveDateTime> + Clone {
        utc(seconds).prop_map(|it| it.naive_utc())
    }

    pub(crate) fn date(
        seconds: std::ops::RangeInclusive<i64>,
    ) -> impl Strategy<Value = NaiveDate> + Clone {
        utc(seconds).prop_map(|it| it.date_naive())
    }

    pub(crate) fn time() -> impl Strategy<Value = NaiveTime> {
        utc(0..=86_399).prop_map(|it| it.time())
    }
}

pub(crate) mod time {
    use proptest::prelude::*;
    use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time};

    pub(crate) fn offset(
        seconds: std::ops::RangeInclusive<i64>,
    ) -> impl Strategy<Value = OffsetDateTime> {
        super::instant(seconds).prop_map(|(seconds, nanos)| {
            let whole = OffsetDateTime::from_unix_timestamp(seconds).expect("in range");
            whole + Duration::nanoseconds(nanos.into())
        })
    }

    pub(crate) fn primitive(
        seconds: std::ops::RangeInclusive<i64>,
    ) -> impl Strategy<Value = PrimitiveDateTime> {
        offset(seconds).prop_map(|it| PrimitiveDateTime::new(it.date(), it.time()))
    }

    pub(crate) fn date(seconds: std::ops::RangeInclusive<i64>) -> impl Strategy<Value = Date> {
        offset(seconds).prop_map(|it| it.date())
    }

    pub(crate) fn time() -> impl Strategy<Value = Time> {
        offset(0..=86_399).prop_map(|it| it.time())
    }
}
