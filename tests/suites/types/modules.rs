//! The ready `with` modules, without a database: under each codec, and under a codec of an
//! application's own that is read by people.

use std::fmt::Debug;
use std::ops::Bound;

use bigdecimal::BigDecimal;
use cache_runtime::ports::{Codec, Read};
use cache_runtime::{Bincode, Postcard, with};
use diesel::data_types::{PgInterval, PgNumeric};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::own::Limit;
use crate::same::Same;

struct Json;

impl Codec for Json {
    fn id(&self) -> u8 {
        200
    }

    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_writer(out, value)?)
    }

    fn decode(
        &self,
        bytes: &[u8],
        read: Read<'_>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut input = serde_json::Deserializer::from_slice(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut input))?;
        Ok(input.end()?)
    }
}

const CODECS: [&dyn Codec; 3] = [&Bincode, &Postcard, &Json];

fn through<T: Serialize + DeserializeOwned>(codec: &dyn Codec, value: &T) -> Result<T, String> {
    let mut bytes = Vec::new();
    codec.encode(value, &mut bytes).map_err(|error| error.to_string())?;
    let mut read = None;
    let outcome = codec.decode(&bytes, &mut |input| {
        read = Some(T::deserialize(input)?);
        Ok(())
    });
    outcome.map_err(|error| error.to_string())?;
    Ok(read.expect("it was read"))
}

macro_rules! keeps {
    ($($test:ident: $module:literal, $type:ty, $values:expr;)+) => {$(
        #[test]
        fn $test() {
            #[derive(Serialize, Deserialize)]
            struct Field(#[serde(with = $module)] $type);
            for value in $values {
                let field = Field(value);
                for codec in CODECS {
                    let read = through(codec, &field).unwrap();
                    assert!(field.0.same(&read.0), "{:?}, not {:?}", read.0, field.0);
                }
            }
        }
    )+};
}

/// Numbers whose text a careless reader takes for their neighbour, and each kind of null.
fn documents() -> Vec<Value> {
    let exact = [
        1.1e-308,
        0.1 + 0.2,
        1e23,
        5e-324,
        f64::MAX,
        -0.0,
        189.344_152_755_593_26,
        6.934698245112694e276,
    ];
    vec![json!(null), json!({"a": [null, {"": exact}]}), json!(u64::MAX), json!(i64::MIN)]
}

fn decimals() -> Vec<BigDecimal> {
    let texts = ["0", "0.00", "1.50", "-1e30", "123456789012345678901234567890.5"];
    let mut all: Vec<BigDecimal> = texts.iter().map(|it| it.parse().unwrap()).collect();
    all.push(BigDecimal::new(0.into(), 15));
    all
}

keeps! {
    a_document: "with::json", Value, documents();
    a_document_or_null: "with::json", Option<Value>,
        documents().into_iter().map(Some).chain([None]);
    documents_with_holes: "with::json", Vec<Option<Value>>,
        [documents().into_iter().map(Some).chain([None]).collect::<Vec<_>>()];
    json_of_ones_own: "with::json", Option<Vec<Limit>>,
        [None, Some(vec![Limit::None, Limit::Named { name: "a".into(), share: 0.3 }])];
    a_decimal: "with::decimal", BigDecimal, decimals();
    a_range_of_decimals: "with::decimal", Option<(Bound<BigDecimal>, Bound<BigDecimal>)>,
        decimals().into_iter().map(|it| Some((Bound::Excluded(it), Bound::Unbounded)));
    bytes: "with::bytes", Vec<u8>, [vec![], (0..=255).collect::<Vec<u8>>()];
    bytes_in_an_array: "with::bytes", Option<Vec<Vec<u8>>>, [None, Some(vec![vec![1], vec![]])];
    an_interval: "with::pg", Vec<Option<PgInterval>>, [vec![None, Some(PgInterval::new(-1, 2, -3))]];
    not_a_number: "with::pg", Option<PgNumeric>, [None, Some(PgNumeric::NaN)];
    text: "with::display", Option<std::net::IpAddr>, ["::1", "10.0.0.1"].map(|it| it.parse().ok());
}

impl Same for std::net::IpAddr {
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

/// What `docs/TYPES.md` gives a `with` for has need of it.
#[test]
fn what_describes_itself_is_not_read_back() {
    fn refused<T: Serialize + DeserializeOwned + Debug>(value: &T) {
        for codec in [&Bincode as &dyn Codec, &Postcard] {
            let read = through(codec, value);
            assert!(read.is_err(), "{value:?} was read back as {read:?}");
        }
    }
    refused(&json!({"a": 1}));
    refused(&decimals());
    refused(&Limit::Rows(1));
}

/// Such a row is served and stays uncached: `docs/TYPES.md` says so.
#[test]
fn system_time_before_1970_is_not_written() {
    let before = std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_micros(1);
    for codec in CODECS {
        assert!(through(codec, &before).is_err());
        assert!(through(codec, &std::time::SystemTime::UNIX_EPOCH).is_ok());
    }
}

/// Lengths and types that are not the value's are an error.
#[test]
fn other_bytes_are_refused() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Document(#[serde(with = "with::json")] Value);
    #[derive(Debug, Serialize, Deserialize)]
    struct Whole(#[serde(with = "with::bytes")] Vec<u8>);
    for codec in CODECS {
        for bytes in [&b"\xff\xff\xff\xff\xff"[..], b"\x03{]}", b"\"{\"", b""] {
            let document = codec.decode(bytes, &mut |input| Document::deserialize(input).map(drop));
            assert!(document.is_err(), "{bytes:?}");
        }
        let bytes = &b"\xfe\xff\xff\xff\xff\x7f"[..];
        assert!(codec.decode(bytes, &mut |input| Whole::deserialize(input).map(drop)).is_err());
    }
}
