//! Typed, length-prefixed keys.
//!
//! A key is a run of parts, each `tag length ':' bytes`, so no value can
//! reach into a neighbour, whatever bytes it holds, and an operator can still
//! read a key in a terminal.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::Write as _;

use smallvec::SmallVec;

/// Room for a usual key without an allocation.
const INLINE: usize = 128;

/// The full name of one cached entry, the same on every store; or that of all entries of a
/// table together, for what concerns the whole of it.
#[derive(Clone)]
pub struct EntryKey {
    bytes: SmallVec<[u8; INLINE]>,
    /// How much of the name is the table's; 0 where entries are not invalidated by table.
    table: u16,
    /// Whether a value counts only under the watermark of its bucket.
    watermarked: bool,
    /// The kind of entry that it is, where kinds are registered.
    stamp: Option<Stamp>,
}

/// A kind of entry, by its number in this process, and the generation that a name of it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) kind: u16,
    pub(crate) generation: u64,
}

impl EntryKey {
    /// How many buckets the entries of a table with watermarks fall into. Part of the wire format.
    pub const BUCKETS: u32 = 16;
    /// Counts changes of how keys are written and named on a store.
    pub(crate) const FORMAT: u32 = 1;

    /// A key from its written parts.
    pub fn from_writer(writer: KeyWriter) -> Self {
        Self { bytes: writer.bytes, table: 0, watermarked: false, stamp: None }
    }

    /// A key from its written parts, of which the first `table` bytes name the table: the entry
    /// is void once the table is invalidated.
    pub fn in_table(writer: KeyWriter, table: usize) -> Self {
        let table = u16::try_from(table).unwrap_or(0);
        Self { bytes: writer.bytes, table, watermarked: false, stamp: None }
    }

    /// The same, of a table whose buckets have watermarks: the entry is void also without one.
    #[must_use]
    pub fn under_watermark(mut self) -> Self {
        self.watermarked = self.table > 0;
        self
    }

    /// The same, as the name of a registered kind.
    pub(crate) fn stamped(mut self, stamp: Option<Stamp>) -> Self {
        self.stamp = stamp;
        self
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Whether a value counts only under the watermark of its bucket.
    pub fn is_watermarked(&self) -> bool {
        self.watermarked
    }

    /// The bucket of the table that the entry is in, of `of` buckets.
    pub fn bucket(&self, of: u32) -> u32 {
        crc32fast::hash(&self.bytes) % of
    }

    /// The bytes of the key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of the table with which this entry is invalidated, if it is.
    pub fn table(&self) -> Option<&[u8]> {
        (self.table > 0).then(|| &self.bytes[..usize::from(self.table)])
    }

    /// Whether this names all entries of a table together.
    pub fn is_table(&self) -> bool {
        usize::from(self.table) == self.bytes.len()
    }

    /// The name of all entries of this entry's table together.
    pub fn whole_table(&self) -> Option<Self> {
        let bytes = SmallVec::from_slice(self.table()?);
        let (table, watermarked) = (self.table, self.watermarked);
        Some(Self { bytes, table, watermarked, stamp: None })
    }
}

// The name alone tells keys apart.
impl PartialEq for EntryKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for EntryKey {}

impl Hash for EntryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl PartialOrd for EntryKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntryKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bytes.escape_ascii())
    }
}

/// Collects the parts of a key.
#[derive(Clone, Default)]
pub struct KeyWriter {
    bytes: SmallVec<[u8; INLINE]>,
    null: bool,
}

impl KeyWriter {
    /// A writer that begins with parts written before.
    pub fn after(prefix: &[u8]) -> Self {
        Self { bytes: SmallVec::from_slice(prefix), null: false }
    }

    /// Adds parts that were written before.
    pub fn parts(&mut self, written: &Self) {
        self.null |= written.null;
        self.bytes.extend_from_slice(&written.bytes);
    }

    /// Adds an integer, in decimal.
    pub fn integer(&mut self, value: i128) {
        let mut digits: SmallVec<[u8; 64]> = SmallVec::new();
        // Writing to memory cannot fail.
        let _ = write!(digits, "{value}");
        self.part(b'i', &digits);
    }

    /// Adds text.
    pub fn text(&mut self, value: &str) {
        self.part(b's', value.as_bytes());
    }

    /// Adds raw bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.part(b'b', value);
    }

    /// Adds a part of a type of its own, told from others by `tag`.
    pub fn part(&mut self, tag: u8, value: &[u8]) {
        self.bytes.push(tag);
        let _ = write!(self.bytes, "{}", value.len());
        self.bytes.push(b':');
        self.bytes.extend_from_slice(value);
    }

    /// Adds the generation that names of a registered kind have; the first has none, as those of
    /// kinds that are not registered.
    pub(crate) fn generation(&mut self, generation: u64) {
        if generation > 0 {
            let mut digits: SmallVec<[u8; 64]> = SmallVec::new();
            let _ = write!(digits, "{generation}");
            self.part(b'g', &digits);
        }
    }

    /// Notes that a part is SQL's NULL, which equals nothing, so that this
    /// key names no entry.
    pub fn null(&mut self) {
        self.null = true;
        self.part(b'n', b"");
    }

    /// Whether a part was NULL.
    pub fn has_null(&self) -> bool {
        self.null
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A value that can write itself as parts of a key.
///
/// Two values that the database holds for different must write different
/// bytes. For a newtype or a struct of such values, or an enum without fields,
/// derive it with [`CacheKey`](crate::CacheKey).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of a cache key",
    label = "not usable in a key",
    note = "a newtype, struct or field-less enum of your own: add `#[derive(CacheKey)]`, or write `impl KeyParts`",
    note = "for types of uuid, chrono, time, ipnetwork or ipnet turn on the feature of that name in cache-runtime"
)]
pub trait KeyParts {
    /// Writes the parts.
    fn write_parts(&self, out: &mut KeyWriter);
}

/// A value that can stand for a key of type `K` without being one, as `&str`
/// does for `String`: a hit needs no owned key, so it costs no allocation.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used where a key of type `{K}` is asked for",
    label = "expected `{K}`, or a reference to one",
    note = "composite keys are tuples, in the order of the table's primary key",
    note = "a newtype of your own: add `#[derive(CacheKey)]`"
)]
pub trait AsKey<K>: KeyParts + Send + Sync {
    /// The owned key.
    fn to_key(&self) -> K;
}

/// What can be a model's whole key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a cached model",
    note = "a newtype of your own: add `#[derive(CacheKey, Clone, PartialEq, Eq, Hash)]`",
    note = "for uuid or chrono types turn on the feature of that name in cache-runtime",
    note = "floats cannot be keys"
)]
pub trait Key: AsKey<Self> + Clone + Eq + Hash + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<K: AsKey<K> + Clone + Eq + Hash + Send + Sync + 'static> Key for K {}

impl<T: KeyParts + ?Sized> KeyParts for &T {
    fn write_parts(&self, out: &mut KeyWriter) {
        (**self).write_parts(out);
    }
}

impl<K, T: AsKey<K> + ?Sized> AsKey<K> for &T {
    fn to_key(&self) -> K {
        (**self).to_key()
    }
}

impl<T: KeyParts> KeyParts for Option<T> {
    fn write_parts(&self, out: &mut KeyWriter) {
        match self {
            Some(value) => value.write_parts(out),
            None => out.null(),
        }
    }
}

impl KeyParts for KeyWriter {
    fn write_parts(&self, out: &mut KeyWriter) {
        out.parts(self);
    }
}

/// No part at all: what all rows share.
impl KeyParts for () {
    fn write_parts(&self, _: &mut KeyWriter) {}
}

/// Composite keys, up to six parts.
macro_rules! tuple_key {
    ($(($part:ident $key:ident $index:tt))+) => {
        impl<$($part: KeyParts),+> KeyParts for ($($part,)+) {
            fn write_parts(&self, out: &mut KeyWriter) {
                $(self.$index.write_parts(out);)+
            }
        }

        impl<$($part: AsKey<$key>, $key),+> AsKey<($($key,)+)> for ($($part,)+) {
            fn to_key(&self) -> ($($key,)+) {
                ($(self.$index.to_key(),)+)
            }
        }
    };
}

tuple_key! { (A KA 0) (B KB 1) }
tuple_key! { (A KA 0) (B KB 1) (C KC 2) }
tuple_key! { (A KA 0) (B KB 1) (C KC 2) (D KD 3) }
tuple_key! { (A KA 0) (B KB 1) (C KC 2) (D KD 3) (E KE 4) }
tuple_key! { (A KA 0) (B KB 1) (C KC 2) (D KD 3) (E KE 4) (F KF 5) }

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: impl KeyParts) -> Vec<u8> {
        let mut out = KeyWriter::default();
        parts.write_parts(&mut out);
        out.as_bytes().to_vec()
    }

    #[test]
    fn a_part_cannot_reach_into_its_neighbour() {
        assert_ne!(written(("a", "b:c")), written(("a:b", "c")));
        assert_ne!(written(("as1:b", "")), written(("a", "b")));
        assert_ne!(written("7"), written(7_i32));
        assert_ne!(written(("\0", "{}")), written(("\0{", "}")));
        assert_eq!(written(("é", -5_i64)), "s2:éi2:-5".as_bytes());
    }

    #[test]
    fn widths_of_one_integer_agree_and_null_is_noted() {
        assert_eq!(written(7_i16), written(7_u64));
        let mut out = KeyWriter::default();
        (1_i32, None::<String>).write_parts(&mut out);
        assert!(out.has_null());
    }

    #[test]
    fn a_borrowed_key_writes_what_the_owned_one_does() {
        let owned: (String, i64) = ("UA", 5_i64).to_key();
        assert_eq!(written(&owned), written(("UA", 5_i64)));
    }
}
