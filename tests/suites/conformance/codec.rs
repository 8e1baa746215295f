//! The contract of the port `Codec`.

use cache_runtime::ports::Codec;
use cache_runtime::{Bincode, Postcard};
use serde::Serialize;
use serde::de::DeserializeOwned;

const CODECS: [&dyn Codec; 2] = [&Bincode, &Postcard];

fn encoded(codec: &dyn Codec, value: &impl Serialize) -> Vec<u8> {
    let mut out = b"before".to_vec();
    codec.encode(value, &mut out).unwrap();
    assert!(out.starts_with(b"before"), "it appends");
    out.split_off(6)
}

fn decoded<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> Option<T> {
    let mut value = None;
    let result = codec.decode(bytes, &mut |deserializer| {
        value = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    });
    result.is_ok().then_some(value).flatten()
}

fn round<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
    for codec in CODECS {
        let bytes = encoded(codec, &value);
        assert_eq!(decoded::<T>(codec, &bytes).as_ref(), Some(&value), "codec {}", codec.id());
        // Every place in a short encoding, some in a long one.
        for end in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            assert!(decoded::<T>(codec, &bytes[..end]).is_none(), "{value:?} cut at {end}");
        }
        assert!(decoded::<T>(codec, &[&bytes[..], &[0]].concat()).is_none(), "a byte left over");
    }
}

#[test]
fn the_numbers_are_fixed_and_in_the_librarys_range() {
    assert_eq!(CODECS.map(Codec::id), [1, 2]);
}

#[test]
fn what_was_encoded_decodes_to_an_equal_value() {
    round((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    round((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    round((1.5_f32, f64::MIN_POSITIVE, true, 'é'));
    round(("Delta Air Lines Inc.".to_owned(), String::new(), Some(7_i32), None::<i32>));
    round((Some(None::<String>), Some(Some("x".to_owned()))));
    round((vec![1_u8, 255], vec!["a".to_owned(), "\0".to_owned()], Vec::<i64>::new()));
    round((vec![Some(1.25_f64), None], [1_u32, 2, 3]));
    round("long ".repeat(20_000));
    round(vec![7_u64; 100_000]);
}

#[test]
fn hostile_bytes_are_an_error() {
    for codec in CODECS {
        assert!(decoded::<bool>(codec, &[2]).is_none());
        assert!(decoded::<Option<u8>>(codec, &[2, 1]).is_none());
        assert!(decoded::<String>(codec, &[2, 0xff, 0xff]).is_none(), "not UTF-8");
        assert!(decoded::<String>(codec, &[0xff; 16]).is_none());
        assert!(decoded::<Vec<String>>(codec, &[0xfd; 16]).is_none());
    }
}

#[test]
fn the_readers_error_comes_out_and_the_reader_must_read_everything() {
    for codec in CODECS {
        let bytes = encoded(codec, &(1_u8, 2_u8));
        let refusal = codec.decode(&bytes, &mut |_| Err(serde::de::Error::custom("not this one")));
        assert!(refusal.unwrap_err().to_string().contains("not this one"));
        assert!(codec.decode(&bytes, &mut |_| Ok(())).is_err(), "nothing was read");
    }
}
