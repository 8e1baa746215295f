//! Golden files: one of every kind of entry, as the first release wrote it.
//!
//! A test here fails if this build would no longer read, or would no longer
//! write, what is stored already. Then change the code, not the file; or give
//! the envelope a new format number, the codec a new number, and add files.

use std::fmt::Debug;
use std::path::PathBuf;

use cache_runtime::wire::{self, Header, Kind, Own, Unreadable};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sample::{FINGERPRINT, LIMIT, Row, Target, header, pack, row, target, unpack};

/// Every golden file, with what this build writes.
pub fn files() -> [(&'static str, Kind, Vec<u8>); 5] {
    let row = |codec| pack(header(codec, Kind::Row, true), Some(&row()));
    let lookup = |codec| pack(header(codec, Kind::Lookup, true), Some(&target()));
    [
        ("row.bincode", Kind::Row, row(1)),
        ("row.postcard", Kind::Row, row(2)),
        ("lookup.bincode", Kind::Lookup, lookup(1)),
        ("lookup.postcard", Kind::Lookup, lookup(2)),
        ("absent", Kind::Row, pack(header(1, Kind::Row, false), None)),
    ]
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "golden", &format!("{name}.hex")].iter().collect()
}

/// The bytes in a golden file.
pub fn stored(name: &str) -> Vec<u8> {
    let path = path(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    name: &str,
    kind: Kind,
    codec: u8,
    expected: Option<T>,
) {
    let bytes = stored(name);
    let (read, value) = unpack::<T>(&bytes, kind).unwrap();
    assert_eq!(read, header(codec, kind, expected.is_some()), "{name}");
    assert_eq!(value, expected, "{name}");
    let value = value.as_ref().map(|value| value as &dyn erased_serde::Serialize);
    assert_eq!(pack(read, value), bytes, "{name} is no longer written as it is stored");
}

#[test]
fn what_is_stored_is_read_and_written_alike() {
    check::<Row>("row.bincode", Kind::Row, 1, Some(row()));
    check::<Row>("row.postcard", Kind::Row, 2, Some(row()));
    check::<Target>("lookup.bincode", Kind::Lookup, 1, Some(target()));
    check::<Target>("lookup.postcard", Kind::Lookup, 2, Some(target()));
    check::<Row>("absent", Kind::Row, 1, None);
}

/// For a new kind of entry, add it to [`files`] and save what this prints.
#[test]
fn every_kind_of_entry_has_its_file() {
    for (name, _, written) in files() {
        let hex: Vec<String> = written.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(path(name).exists(), "{}: save {}", path(name).display(), hex.join(" "));
        assert_eq!(written, stored(name), "{name}");
    }
}

/// The table in the documentation of `wire`, byte by byte.
#[test]
fn the_header_is_the_documented_one() {
    let bytes = stored("lookup.postcard");
    assert_eq!(&bytes[..8], b"DCe\x01\x01\x02\x01\x01");
    assert_eq!(bytes[8..16], FINGERPRINT.to_le_bytes());
    assert_eq!(bytes[16..24], (-7_i64).to_le_bytes());
    assert_eq!(bytes[24..32], 1_700_000_000_123_456_u64.to_le_bytes());
    assert_eq!(bytes[32..36], 5_u32.to_le_bytes());
    let sum = crate::sample::crc32(bytes[..36].iter().chain(&bytes[40..]).copied());
    assert_eq!(bytes[36..40], sum.to_le_bytes());
    assert_eq!(&bytes[40..], b"\x02UA\x92\x18", "a length, the bytes, a zigzag varint");
}

proptest! {
    #[test]
    fn any_entry_is_read_back(
        value: (i64, String, Option<f64>, bool, Option<String>, (i16, u32), String),
        codec in 1_u8..=2,
        version: i64,
        leased_at: u64,
    ) {
        let header = Header { version, leased_at, ..header(codec, Kind::Row, true) };
        let bytes = pack(header, Some(&value));
        prop_assert!(bytes.len() < LIMIT);
        prop_assert_eq!(unpack::<Row>(&bytes, Kind::Row), Ok((header, Some(value))));
        prop_assert!(unpack::<Row>(&bytes, Kind::Lookup).is_err());
    }
}

/// While a deploy rolls: the next build's envelope, and behind it that of this one.
#[test]
fn what_two_builds_keep_is_read_and_written_alike() {
    let (one, stored) = (stored("row.bincode"), stored("several"));
    let next =
        pack(Header { fingerprint: !FINGERPRINT, ..header(1, Kind::Row, true) }, Some(&row()));
    assert_eq!(wire::beside(&next, &one, false), Some(stored.clone()));
    assert_eq!(wire::own(&stored, FINGERPRINT), Own::Here(&one));
    assert_eq!(wire::own(&stored, !FINGERPRINT), Own::Here(&next));
    assert_eq!(wire::own(&stored, 0), Own::Others);
    // What a build does that expects one envelope.
    for fingerprint in [FINGERPRINT, !FINGERPRINT] {
        let read = wire::read(&stored, Kind::Row, fingerprint, LIMIT);
        assert_eq!(read, Err(Unreadable::Truncated));
    }
}
