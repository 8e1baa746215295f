//! Bytes that nobody should have written.

use cache_runtime::wire::{self, Header, Kind, Unreadable};
use serde::de::DeserializeOwned;

use crate::golden::{files, stored};
use crate::sample::{
    CODECS, FINGERPRINT, LIMIT, Random, Row, Target, crc32, decode, encode, forge, header, pack,
    row, target, unpack,
};

/// A decoder that takes memory as it is told would take far more.
const SMALL: u64 = 64 << 10;
/// What serde reserves ahead for a sequence, whatever its declared length.
const SEQUENCE: u64 = 1 << 20;

/// Decodes as both kinds; gives how much memory that took at most.
fn try_all(bytes: &[u8]) -> u64 {
    let taken = allocation_counter::measure(|| {
        let _ = unpack::<Row>(bytes, Kind::Row);
        let _ = unpack::<Target>(bytes, Kind::Lookup);
        let _ = wire::own(bytes, FINGERPRINT);
        let _ = wire::beside(bytes, bytes, false);
    });
    taken.bytes_max
}

fn allowed(bytes: &[u8]) -> u64 {
    SMALL.max(128 * bytes.len() as u64)
}

#[test]
fn every_single_bit_flip_is_refused() {
    for (name, kind, _) in files() {
        let sample = stored(name);
        for bit in 0..sample.len() * 8 {
            let mut bytes = sample.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(wire::read(&bytes, kind, FINGERPRINT, LIMIT).is_err(), "{name}, bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    for (name, kind, _) in files() {
        let sample = stored(name);
        for end in 0..sample.len() {
            let result = wire::read(&sample[..end], kind, FINGERPRINT, LIMIT);
            assert_eq!(result, Err(Unreadable::Truncated), "{name} up to {end}");
        }
        for more in [&[0][..], &[0xff; 3], &sample] {
            let bytes = [&sample, more].concat();
            assert!(wire::read(&bytes, kind, FINGERPRINT, LIMIT).is_err(), "{name} and {more:?}");
        }
    }
}

/// Each reason by itself, with everything else right.
#[test]
fn each_refusal_has_its_reason() {
    let sample = stored("row.bincode");
    let read = |bytes: &[u8]| wire::read(bytes, Kind::Row, FINGERPRINT, LIMIT).map(drop);
    let forged = |place: usize, byte: u8| {
        let mut bytes = sample.clone();
        bytes[place] = byte;
        forge(&mut bytes);
        read(&bytes)
    };
    assert_eq!(forged(0, b'D'), Ok(()));
    assert_eq!(forged(0, b'd'), Err(Unreadable::Foreign));
    assert_eq!(forged(3, 2), Err(Unreadable::Foreign));
    assert_eq!(forged(4, 2), Err(Unreadable::Format));
    assert_eq!(forged(6, 1), Err(Unreadable::Kind));
    assert_eq!(forged(6, 9), Err(Unreadable::Kind));
    assert_eq!(forged(7, 0), Err(Unreadable::Body), "absent, and yet a body");
    assert_eq!(forged(7, 2), Err(Unreadable::Body), "neither present nor absent");
    assert_eq!(forged(8, 0), Err(Unreadable::Fingerprint));
    assert_eq!(wire::read(&sample, Kind::Row, 1, LIMIT), Err(Unreadable::Fingerprint));
    assert_eq!(wire::read(&sample, Kind::Row, FINGERPRINT, 3), Err(Unreadable::TooLarge));
    assert_eq!(read(b"hello, I am not yours"), Err(Unreadable::Foreign));
    let mut unknown = sample.clone();
    unknown[5] = 99;
    forge(&mut unknown);
    assert_eq!(unpack::<Row>(&unknown, Kind::Row), Err(Unreadable::Codec));
    // A body in another codec than the header says.
    let mut swapped = sample.clone();
    swapped[5] = 2;
    forge(&mut swapped);
    assert_ne!(unpack::<Row>(&swapped, Kind::Row).ok().and_then(|(_, row)| row), Some(row()));
}

#[test]
fn close_refuses_what_is_too_large_or_was_not_opened() {
    let opened = || wire::open(header(1, Kind::Row, true));
    let with = |body: usize| [opened(), vec![0; body]].concat();
    assert!(wire::close(with(10), 10).is_ok());
    assert_eq!(wire::close(with(11), 10), Err(Unreadable::TooLarge));
    assert_eq!(wire::close(vec![1, 2, 3], 10), Err(Unreadable::Truncated));
}

#[test]
fn the_checksum_is_the_documented_one() {
    assert_eq!(crc32(b"123456789".iter().copied()), 0xcbf4_3926);
}

/// 300,000 cases: random bytes, random bodies in a right envelope, and samples
/// with damage, the checksum left wrong or made right.
#[test]
fn no_bytes_panic_or_take_much_memory() {
    let mut random = Random::seeded(0x5eed);
    let samples: Vec<Vec<u8>> = files().into_iter().map(|(name, ..)| stored(name)).collect();
    let mut accepted_damaged = 0;
    for case in 0..300_000_u32 {
        let mut bytes = match case % 4 {
            0 => {
                let count = random.below(120);
                random.bytes(count)
            }
            1 => {
                let kind = if random.below(2) == 0 { Kind::Row } else { Kind::Lookup };
                let codec = 1 + random.below(2) as u8;
                let count = random.below(80);
                let body = random.bytes(count);
                wire::close([wire::open(header(codec, kind, true)), body].concat(), LIMIT).unwrap()
            }
            _ => samples[random.below(samples.len())].clone(),
        };
        if case % 4 >= 2 {
            for _ in 0..=random.below(4) {
                let (place, bit) = (random.below(bytes.len()), random.below(8));
                bytes[place] ^= 1 << bit;
            }
            if case % 4 == 3 && bytes.len() >= 40 {
                forge(&mut bytes);
            } else if !samples.contains(&bytes) {
                let kinds = [Kind::Row, Kind::Lookup];
                accepted_damaged += kinds
                    .into_iter()
                    .filter(|kind| wire::read(&bytes, *kind, FINGERPRINT, LIMIT).is_ok())
                    .count();
            }
        }
        let taken = try_all(&bytes);
        assert!(taken <= allowed(&bytes), "case {case}: {taken} bytes for {bytes:02x?}");
    }
    // At most four bits are flipped, in under 100 bytes: CRC-32 sees all of those.
    assert_eq!(accepted_damaged, 0);
}

/// Declares every length from small to beyond memory, in front of a few bytes.
fn lengths() -> Vec<Vec<u8>> {
    let mut heads = vec![vec![0xfb, 0xff, 0xff], vec![0xff; 10], vec![0xfc; 5]];
    for shift in 0..64 {
        let length = u64::MAX >> shift;
        heads.push([&[0xfd][..], &length.to_le_bytes()].concat());
        heads.push([&[0xfc][..], &(length as u32).to_le_bytes()].concat());
        // LEB128, as postcard has it.
        let (mut rest, mut head) = (length, Vec::new());
        while rest > 0x7f {
            head.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        head.push(rest as u8);
        heads.push(head);
    }
    heads
}

/// The most memory that reading a `T` from `prefix`, a hostile length and a few
/// bytes takes.
fn worst<T: DeserializeOwned>(prefix: &[u8]) -> u64 {
    let mut worst = 0;
    for codec in CODECS {
        for head in lengths() {
            for tail in [0, 8, 3000] {
                let body = [prefix, &head, &vec![1; tail]].concat();
                let envelope = Header { codec: codec.id(), ..header(1, Kind::Row, true) };
                let bytes = wire::close([wire::open(envelope), body].concat(), LIMIT).unwrap();
                let taken = allocation_counter::measure(|| {
                    let _ = unpack::<T>(&bytes, Kind::Row);
                });
                worst = worst.max(taken.bytes_max);
            }
        }
    }
    worst
}

#[test]
fn a_hostile_length_takes_no_memory() {
    let strings = worst::<String>(&[]).max(worst::<(u8, Option<String>)>(&[7, 1]));
    assert!(strings <= SMALL, "{strings}");
    let bytes = worst::<Vec<u8>>(&[]).max(worst::<Vec<Option<u64>>>(&[]));
    assert!(bytes <= SEQUENCE + SMALL, "{bytes}");
    // A sequence of strings: serde's reserve, and one string within the limit.
    let nested = worst::<Vec<String>>(&[]).max(worst::<Vec<String>>(&[2, 1, b'a']));
    assert!(nested <= SEQUENCE + 2 * SMALL, "{nested}");
}

/// Bodies of every size class that the codec tells apart.
#[test]
fn memory_follows_the_size_of_the_body() {
    for size in [5_000, 40_000, 300_000, 1_000_000] {
        for codec in CODECS {
            let text = "x".repeat(size);
            let body = encode(codec, &text);
            assert_eq!(decode::<String>(codec, &body).as_ref(), Some(&text));
            // The same body, its length made as large as five bytes can say.
            let hostile = [&[0xfc, 0xff, 0xff, 0xff, 0x0f][..], &body[5..]].concat();
            let taken = allocation_counter::measure(|| {
                assert_eq!(decode::<String>(codec, &hostile), None);
            });
            assert!(taken.bytes_max <= allowed(&hostile), "{size}: {}", taken.bytes_max);
        }
    }
    assert_eq!(decode::<Vec<u8>>(CODECS[0], &vec![0; (16 << 20) + 1]), None);
}

#[test]
fn a_truncated_body_in_a_right_envelope_is_refused() {
    for codec in CODECS {
        let body = encode(codec, &row());
        for end in 0..body.len() {
            let opened = wire::open(header(codec.id(), Kind::Row, true));
            let bytes = wire::close([&opened, &body[..end]].concat(), LIMIT).unwrap();
            assert_eq!(unpack::<Row>(&bytes, Kind::Row), Err(Unreadable::Body));
        }
        let lookup = pack(header(codec.id(), Kind::Lookup, true), Some(&target()));
        assert_eq!(unpack::<Target>(&lookup, Kind::Row), Err(Unreadable::Kind));
    }
}
