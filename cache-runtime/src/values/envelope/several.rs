//! The envelopes of several builds in one value, one after the other, the newest first.
//!
//! While two builds with different shapes of a model run, each keeps its own envelope under the
//! key that both share, so that whatever removes one removes all. A value of one envelope, which
//! is what every other time has, is that envelope and nothing more.

use super::{HEADER, MAGIC, array};
use crate::values::guard::Guard;

/// How many a value holds at most: a deploy has two builds, one that was tried before it a third.
pub const MOST: usize = 3;

/// What a value holds for a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own<'a> {
    /// This envelope.
    Here(&'a [u8]),
    /// Only the envelopes of others.
    Others,
    /// Not envelopes.
    Unknown,
}

/// Finds the envelope with this fingerprint.
pub fn own(value: &[u8], fingerprint: u64) -> Own<'_> {
    let (mut found, mut rest) = (Own::Others, value);
    loop {
        let Some((envelope, more)) = first(rest) else { return Own::Unknown };
        if found == Own::Others && fingerprint_of(envelope) == fingerprint {
            found = Own::Here(envelope);
        }
        if more.is_empty() {
            return found;
        }
        rest = more;
    }
}

/// The value that a fill makes of its own envelope and of the value that is there: what other
/// builds may keep stands behind its own. Under a `forced` lease only a version can tell that theirs
/// is the same row. None if nothing is kept.
pub fn beside(own: &[u8], there: &[u8], forced: bool) -> Option<Vec<u8>> {
    let (mine, _) = first(own).filter(|(_, more)| more.is_empty())?;
    let (mut kept, mut rest) = (Vec::new(), there);
    while !rest.is_empty() {
        let (other, more) = first(rest)?;
        if fingerprint_of(other) != fingerprint_of(mine) && is_alike(mine, other, forced) {
            kept.push(other);
        }
        rest = more;
    }
    kept.truncate(MOST - 1);
    (!kept.is_empty()).then(|| [&[own][..], &kept].concat().concat())
}

/// Whether both say the same of the row, as far as their headers tell.
fn is_alike(mine: &[u8], other: &[u8], forced: bool) -> bool {
    let (version, unversioned) = (&mine[16..24], [0; 8]);
    let alike = mine[7] == other[7] && version == &other[16..24];
    (alike && !(forced && version == unversioned)) || !Guard::KeptAlike.stands()
}

/// The first envelope, as long as its header says, and what follows it.
fn first(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if value.len() < HEADER || value[..4] != MAGIC {
        return None;
    }
    let body = u32::from_le_bytes(array(&value[32..36]));
    value.split_at_checked(HEADER.checked_add(usize::try_from(body).ok()?)?)
}

fn fingerprint_of(envelope: &[u8]) -> u64 {
    u64::from_le_bytes(array(&envelope[8..16]))
}
