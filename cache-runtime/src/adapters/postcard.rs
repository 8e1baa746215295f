//! postcard 1: the alternative codec.

use crate::ports::codec::{Codec, Read};
use crate::ports::model::BoxError;

/// The alternative codec: postcard 1, whose wire format is specified and stable.
///
/// Integers are little-endian varints, signed ones zigzagged, a length is a
/// varint before its bytes, an `Option` is a byte 0 or 1 before its value. Its
/// number is 2. A length is compared with the input before memory is taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Postcard;

impl Codec for Postcard {
    fn id(&self) -> u8 {
        2
    }

    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        postcard::to_io(value, out)?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8], read: Read<'_>) -> Result<(), BoxError> {
        let mut deserializer = postcard::Deserializer::from_bytes(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer))?;
        match deserializer.finalize()?.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes are left over").into()),
        }
    }
}
