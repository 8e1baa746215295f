//! From a row's fields to bytes and back.

use super::model::BoxError;

/// Turns what the derive describes through serde into bytes.
///
/// Contract:
/// - [`id`](Codec::id) is stored with the bytes and never reused for another encoding;
///   1 to 127 belong to this library, 128 to 255 to applications.
/// - `decode` of what `encode` wrote gives an equal value.
/// - Hostile bytes give an error: no panic, and bytes left over are an error. No
///   allocation is larger than a multiple of the input that the codec states,
///   beside what serde reserves ahead for a sequence (1 MiB).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec",
    note = "built in are `Bincode` and `Postcard`, with the features of these names; without `.codec(..)` the first that is there writes"
)]
pub trait Codec: Send + Sync + 'static {
    /// The codec's number in the envelope.
    fn id(&self) -> u8;

    /// Appends the encoding of `value` to `out`.
    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError>;

    /// Hands `read` a deserializer over exactly `bytes`.
    fn decode(&self, bytes: &[u8], read: Read<'_>) -> Result<(), BoxError>;
}

/// Takes a value out of a codec's deserializer.
pub type Read<'a> =
    &'a mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>;
