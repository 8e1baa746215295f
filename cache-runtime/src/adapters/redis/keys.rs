//! The names of an entry's keys on the server. Part of the wire format: every build must name
//! them alike.
//!
//! `{hhhh}v<entry key>` holds the value, `{hhhh}l<entry key>` the lease, `{hhhh}f<entry key>`
//! the fences. Where the entry's table can be invalidated as a whole, `{hhhh}e<table>` holds the
//! table's era in this bucket, and `{hhhh}t<table>` the fences around it; where its buckets have
//! watermarks, `{hhhh}w<table>` holds the watermark, which begins with the era. `{hhhh}d<table>` holds
//! what services have declared. `hhhh` is the CRC-32
//! (IEEE) of the entry key's bytes modulo 1024, or modulo 16 where there are watermarks, in four
//! lower-case hex digits. As the braces come first, they are the hash tag whatever
//! bytes follow: all keys share a slot of a Redis Cluster, and no namespace or
//! key that holds braces can choose another.

use crate::values::key::EntryKey;

/// How many hash tags there are.
const TAGS: u32 = 1024;

/// The key of the entry's value.
pub(super) fn value(key: &EntryKey) -> Vec<u8> {
    named(b'v', key)
}

/// The key of the entry's lease.
pub(super) fn lease(key: &EntryKey) -> Vec<u8> {
    named(b'l', key)
}

/// The key of the entry's fences.
pub(super) fn fences(key: &EntryKey) -> Vec<u8> {
    named(b'f', key)
}

/// The key of the era of the entry's table, in the entry's bucket.
pub(super) fn era(key: &EntryKey) -> Option<Vec<u8>> {
    Some(in_bucket(bucket(key), era_of(key), key.table()?))
}

/// The key of the fences around the entry's table, in the entry's bucket.
pub(super) fn table_fences(key: &EntryKey) -> Option<Vec<u8>> {
    Some(in_bucket(bucket(key), b't', key.table()?))
}

/// The keys of the era of a table and of the fences around it, in one bucket.
pub(super) fn of_table(table: &EntryKey, bucket: u32) -> (Vec<u8>, Vec<u8>) {
    let name = table.as_bytes();
    (in_bucket(bucket, era_of(table), name), in_bucket(bucket, b't', name))
}

/// How many buckets the entries of this one's table fall into.
pub(super) fn buckets(key: &EntryKey) -> u32 {
    if key.is_watermarked() { EntryKey::BUCKETS } else { TAGS }
}

/// A watermark ends; an era by itself does not.
fn era_of(key: &EntryKey) -> u8 {
    if key.is_watermarked() { b'w' } else { b'e' }
}

/// The key of what services have declared about a table.
pub(super) fn declared(table: &EntryKey) -> Vec<u8> {
    named(b'd', table)
}

fn named(what: u8, key: &EntryKey) -> Vec<u8> {
    in_bucket(bucket(key), what, key.as_bytes())
}

fn bucket(key: &EntryKey) -> u32 {
    key.bucket(buckets(key))
}

fn in_bucket(bucket: u32, what: u8, key: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(7 + key.len());
    name.extend_from_slice(format!("{{{bucket:04x}}}").as_bytes());
    name.push(what);
    name.extend_from_slice(key);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::key::KeyWriter;

    fn key(text: &str) -> EntryKey {
        let mut writer = KeyWriter::default();
        writer.text(text);
        EntryKey::from_writer(writer)
    }

    #[test]
    fn the_names_are_fixed_for_ever() {
        assert_eq!(value(&key("UA")).escape_ascii().to_string(), "{0179}vs2:UA");
        assert_eq!(lease(&key("UA")).escape_ascii().to_string(), "{0179}ls2:UA");
        assert_eq!(fences(&key("UA")).escape_ascii().to_string(), "{0179}fs2:UA");
        assert_eq!(declared(&key("UA")).escape_ascii().to_string(), "{0179}ds2:UA");
        assert_eq!(value(&key("")).escape_ascii().to_string(), "{005a}vs0:");
    }

    #[test]
    fn no_key_can_choose_its_slot() {
        for text in ["{a}", "}{", "{}", "\0{x}", "{0179}"] {
            let (value, lease, fences) = (value(&key(text)), lease(&key(text)), fences(&key(text)));
            let tag = |name: &[u8]| {
                let end = name.iter().position(|byte| *byte == b'}');
                name[..end.unwrap_or(0)].to_vec()
            };
            assert_eq!(tag(&value), tag(&lease));
            assert_eq!(tag(&value), tag(&fences));
            assert_eq!(tag(&value).len(), 5, "{{ and four digits");
        }
    }
}
