//! What a struct is that models embed: the target of `#[derive(CachedEmbed)]`.

use diesel::query_source::Column;
use serde::de::SeqAccess;
use serde::ser::SerializeTuple;

/// A struct whose fields are columns of the table of each model that embeds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is embedded in a cached model, but does not say which columns it has",
    note = "add `#[derive(CachedEmbed)]` beside `Queryable`, and `#[diesel(table_name = ..)]`"
)]
pub trait Embed: Sized {
    /// The Diesel columns, as a tuple.
    type Columns;

    /// The columns' names, in the order of the fields.
    const COLUMNS: &'static [&'static str];
    /// Changes with every field's name, type or order.
    const FINGERPRINT: u64;

    /// Writes every field, in order.
    fn encode_fields<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error>;

    /// Reads what `encode_fields` wrote.
    fn decode_fields<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error>;
}

/// An embedded struct that has the column `C`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no column `{C}`",
    note = "name a column of the embedded struct: `key(identity.id)` is the column `id` of the field `identity`"
)]
pub trait Part<C: Column> {
    /// The field's type.
    type Value;

    /// The field.
    fn part(&self) -> &Self::Value;
}

/// How many names there are in all parts.
pub const fn length_of(parts: &[&[&str]]) -> usize {
    let (mut length, mut part) = (0, 0);
    while part < parts.len() {
        length += parts[part].len();
        part += 1;
    }
    length
}

/// All names of all parts.
pub const fn joined<const N: usize>(parts: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[at] = parts[part][index];
            at += 1;
            index += 1;
        }
        part += 1;
    }
    all
}

/// The fingerprint of a model with embedded structs.
pub const fn fingerprint_with(own: u64, embedded: &[u64]) -> u64 {
    let (mut hash, mut index) = (own, 0);
    while index < embedded.len() {
        hash = hash.rotate_left(23).wrapping_mul(0x0000_0100_0000_01b3) ^ embedded[index];
        index += 1;
    }
    hash
}
