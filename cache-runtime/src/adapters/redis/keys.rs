//! The names of an entry's three keys on the server. Part of the wire format:
//! every build must name them alike.
//!
//! `{hhhh}v<entry key>` holds the value, `{hhhh}l<entry key>` the lease, `{hhhh}f<entry key>`
//! the fences. `hhhh` is the CRC-32 (IEEE) of the entry key's bytes modulo 1024, in four lower-case hex
//! digits. As the braces come first, they are the hash tag whatever
//! bytes follow: all keys share a slot of a Redis Cluster, and no namespace or
//! key that holds braces can choose another.

use crate::values::key::EntryKey;

/// How many hash tags there are.
const BUCKETS: u32 = 1024;

/// The key of the entry's value.
pub(super) fn value(key: &EntryKey) -> Vec<u8> {
    named(b'v', key.as_bytes())
}

/// The key of the entry's lease.
pub(super) fn lease(key: &EntryKey) -> Vec<u8> {
    named(b'l', key.as_bytes())
}

/// The key of the entry's fences.
pub(super) fn fences(key: &EntryKey) -> Vec<u8> {
    named(b'f', key.as_bytes())
}

fn named(what: u8, key: &[u8]) -> Vec<u8> {
    let bucket = crc32fast::hash(key) % BUCKETS;
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
