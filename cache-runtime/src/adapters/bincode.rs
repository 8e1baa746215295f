//! bincode 2: little-endian, variable-length integers, no field names.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::DecodeError;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _};

use crate::ports::codec::{Codec, Read};
use crate::ports::model::BoxError;

/// The default codec: bincode 2 in its `standard` configuration.
///
/// Integers are little-endian varints (one byte up to 250), a length is a
/// varint before its bytes, an `Option` is a byte 0 or 1 before its value. The
/// configuration is part of the stored format and will not change under this
/// codec's number, 1.
///
/// A body is read only up to 16 MiB. A length that the body cannot hold is
/// refused before memory is taken for it, up to a margin: one allocation is
/// never larger than 64 KiB, 128 times the body, or the 1 MiB that serde itself
/// reserves ahead for a sequence, whichever is the largest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bincode;

type Limited<const BYTES: usize> = Configuration<LittleEndian, Varint, Limit<BYTES>>;

impl Codec for Bincode {
    fn id(&self) -> u8 {
        1
    }

    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        bincode::serde::encode_into_std_write(value, out, bincode::config::standard())?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8], read: Read<'_>) -> Result<(), BoxError> {
        // bincode takes memory for a string by its declared length, so the limit
        // has to follow the input; but it is a constant of the type. It counts
        // sizes in memory, of which a one-byte varint may claim sixteen.
        let used = match bytes.len() {
            size if size <= 0x1000 => decode::<0x1_0000>(bytes, read),
            size if size <= 0x8000 => decode::<0x8_0000>(bytes, read),
            size if size <= 0x4_0000 => decode::<0x40_0000>(bytes, read),
            size if size <= 0x20_0000 => decode::<0x200_0000>(bytes, read),
            size if size <= 0x100_0000 => decode::<0x1000_0000>(bytes, read),
            _ => return Err("the body is larger than the 16 MiB that this codec reads".into()),
        }?;
        match bytes.len() - used {
            0 => Ok(()),
            left => Err(format!("{left} bytes are left over").into()),
        }
    }
}

/// Reads one value and tells how many bytes it took.
fn decode<const LIMIT: usize>(bytes: &[u8], read: Read<'_>) -> Result<usize, DecodeError> {
    let config: Limited<LIMIT> = bincode::config::standard().with_limit::<LIMIT>();
    let ((), used) = bincode::serde::seed_decode_from_slice(Seed(read), bytes, config)?;
    Ok(used)
}

/// Lends bincode's deserializer to the reader.
struct Seed<'a>(Read<'a>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut erased = <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
        (self.0)(&mut erased).map_err(D::Error::custom)
    }
}
