//! Entries as the cache writes them, and the way there and back.

use cache_runtime::ports::Codec;
use cache_runtime::wire::{self, Header, Kind, Unreadable};
use cache_runtime::{Bincode, Postcard};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub const CODECS: [&dyn Codec; 2] = [&Bincode, &Postcard];
pub const FINGERPRINT: u64 = 0x0123_4567_89ab_cdef;
/// The largest body, here.
pub const LIMIT: usize = 1 << 20;

/// A row as the derive writes it: a tuple of its columns.
pub type Row = (i64, String, Option<f64>, bool, Option<String>, (i16, u32), String);

pub fn row() -> Row {
    let (name, note) = ("Delta Air Lines Inc.".to_owned(), "é\0{}:".to_owned());
    (-1_234_567_890_123, name, Some(0.25), true, None, (-300, 65_536), note)
}

/// The primary key that a unique value leads to.
pub type Target = (String, i32);

pub fn target() -> Target {
    ("UA".to_owned(), 1545)
}

pub fn header(codec: u8, kind: Kind, present: bool) -> Header {
    let (version, leased_at) = (-7, 1_700_000_000_123_456);
    Header { codec, kind, present, fingerprint: FINGERPRINT, version, leased_at }
}

/// The entry, encoded.
pub fn pack(header: Header, value: Option<&dyn erased_serde::Serialize>) -> Vec<u8> {
    let mut bytes = wire::open(header);
    if let Some(value) = value {
        let codec = CODECS.into_iter().find(|codec| codec.id() == header.codec).unwrap();
        codec.encode(value, &mut bytes).unwrap();
    }
    wire::close(bytes, LIMIT).unwrap()
}

/// The entry in these bytes: its header, and its value if it has one.
pub fn unpack<T: DeserializeOwned>(
    bytes: &[u8],
    kind: Kind,
) -> Result<(Header, Option<T>), Unreadable> {
    let (header, body) = wire::read(bytes, kind, FINGERPRINT, LIMIT)?;
    if !header.present {
        return Ok((header, None));
    }
    let codec =
        CODECS.into_iter().find(|codec| codec.id() == header.codec).ok_or(Unreadable::Codec)?;
    decode(codec, body).map(|value| (header, Some(value))).ok_or(Unreadable::Body)
}

pub fn decode<T: DeserializeOwned>(codec: &dyn Codec, body: &[u8]) -> Option<T> {
    let mut value = None;
    let result = codec.decode(body, &mut |deserializer| {
        value = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    });
    result.is_ok().then_some(value).flatten()
}

pub fn encode(codec: &dyn Codec, value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    codec.encode(value, &mut out).unwrap();
    out
}

/// The documented checksum, written a second time: CRC-32 (IEEE).
pub fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// Sets length and checksum, so that the bytes pass for an envelope.
pub fn forge(bytes: &mut [u8]) {
    let body = u32::try_from(bytes.len() - 40).unwrap();
    bytes[32..36].copy_from_slice(&body.to_le_bytes());
    let sum = crc32(bytes[..36].iter().chain(&bytes[40..]).copied());
    bytes[36..40].copy_from_slice(&sum.to_le_bytes());
}

/// A small generator with a fixed seed, so that a failure comes again.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize) % end
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 56) as u8).collect()
    }
}
