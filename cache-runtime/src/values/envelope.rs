//! The envelope around cached bytes: enough to refuse anything that is not
//! exactly what this build would have written.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | magic `DCe\x01` |
//! | 4 | format, 1 |
//! | 5 | codec of the body |
//! | 6 | kind: 0 row, 1 lookup, 2 list, 3 whole |
//! | 7 | state: 0 absent, 1 present |
//! | 8..16 | schema fingerprint |
//! | 16..24 | row version, 0 where the model declares none |
//! | 24..32 | store time at the lease, in microseconds |
//! | 32..36 | length of the body |
//! | 36..40 | CRC-32 (IEEE) of bytes 0..36 and the body |
//! | 40.. | body |
//!
//! All integers are little-endian. Builds with other shapes of the model keep their envelopes in
//! the same value, one behind the other: [`own`] finds a build's own.

mod several;

use std::fmt;

pub use self::several::{MOST, Own, beside, own};

const MAGIC: [u8; 4] = *b"DCe\x01";
const FORMAT: u8 = 1;
const HEADER: usize = 40;
const CHECKED: usize = 36;

/// What an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A row of a model.
    Row = 0,
    /// The primary key that a unique value leads to.
    Lookup = 1,
    /// The primary keys of the rows that share some values, in an order.
    List = 2,
    /// A row with all of its aggregate's members.
    Whole = 3,
}

/// The fields of an envelope beside its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which codec wrote the body.
    pub codec: u8,
    /// What the body holds.
    pub kind: Kind,
    /// False for an entry that says "no such row".
    pub present: bool,
    /// The schema fingerprint of the model that wrote it.
    pub fingerprint: u64,
    /// The row's version, 0 where the model declares none.
    pub version: i64,
    /// The store's time when the lease was taken, in microseconds.
    pub leased_at: u64,
}

/// Why bytes were not taken for an entry. Each is a miss, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable {
    /// Shorter than a header, or than the header says.
    Truncated,
    /// Not written by this library.
    Foreign,
    /// Written in a format that this build does not know.
    Format,
    /// The checksum does not match.
    Corrupt,
    /// Written for another kind of entry.
    Kind,
    /// Written for another shape of the model.
    Fingerprint,
    /// Written by a codec that this build does not have.
    Codec,
    /// The codec could not read the body, or bytes were left over.
    Body,
    /// Larger than the limit.
    TooLarge,
}

impl Unreadable {
    /// The reason as a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Foreign => "foreign",
            Self::Format => "format",
            Self::Corrupt => "corrupt",
            Self::Kind => "kind",
            Self::Fingerprint => "fingerprint",
            Self::Codec => "codec",
            Self::Body => "body",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Starts an envelope; the caller appends the body and then calls [`close`].
pub fn open(header: Header) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + 96);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[FORMAT, header.codec, header.kind as u8, u8::from(header.present)]);
    bytes.extend_from_slice(&header.fingerprint.to_le_bytes());
    bytes.extend_from_slice(&header.version.to_le_bytes());
    bytes.extend_from_slice(&header.leased_at.to_le_bytes());
    bytes.extend_from_slice(&[0; HEADER - 32]);
    bytes
}

/// Writes the body's length and the checksum into what [`open`] began; refuses
/// a body past `limit`.
pub fn close(mut bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let body = bytes.len().checked_sub(HEADER).ok_or(Unreadable::Truncated)?;
    let length = u32::try_from(body).map_err(|_| Unreadable::TooLarge)?;
    if body > limit {
        return Err(Unreadable::TooLarge);
    }
    bytes[32..CHECKED].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&bytes);
    bytes[CHECKED..HEADER].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// Reads an envelope, with everything checked that can be checked before the
/// body is decoded.
pub fn read(
    bytes: &[u8],
    kind: Kind,
    fingerprint: u64,
    limit: usize,
) -> Result<(Header, &[u8]), Unreadable> {
    if bytes.len() < MAGIC.len() {
        return Err(Unreadable::Truncated);
    }
    if bytes[..4] != MAGIC {
        return Err(Unreadable::Foreign);
    }
    if bytes.len() < HEADER {
        return Err(Unreadable::Truncated);
    }
    if bytes[4] != FORMAT {
        return Err(Unreadable::Format);
    }
    let body = &bytes[HEADER..];
    if body.len() > limit {
        return Err(Unreadable::TooLarge);
    }
    if u64::from(u32::from_le_bytes(array(&bytes[32..CHECKED]))) != body.len() as u64 {
        return Err(Unreadable::Truncated);
    }
    if u32::from_le_bytes(array(&bytes[CHECKED..HEADER])) != checksum(bytes) {
        return Err(Unreadable::Corrupt);
    }
    if bytes[6] != kind as u8 {
        return Err(Unreadable::Kind);
    }
    let present = match bytes[7] {
        // No build writes a body for an absent row.
        0 if body.is_empty() => false,
        1 => true,
        _ => return Err(Unreadable::Body),
    };
    let header = Header {
        codec: bytes[5],
        kind,
        present,
        fingerprint: u64::from_le_bytes(array(&bytes[8..16])),
        version: i64::from_le_bytes(array(&bytes[16..24])),
        leased_at: u64::from_le_bytes(array(&bytes[24..32])),
    };
    if header.fingerprint != fingerprint {
        return Err(Unreadable::Fingerprint);
    }
    Ok((header, body))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CHECKED]);
    hasher.update(&bytes[HEADER..]);
    hasher.finalize()
}

/// The slice as an array. Callers pass slices of exactly `N` bytes.
fn array<const N: usize>(slice: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(slice);
    out
}
