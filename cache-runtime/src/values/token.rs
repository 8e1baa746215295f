//! Lease tokens.

use std::fmt;

/// Names one lease: random, 128 bits, never a counter, so that a store that
/// was emptied cannot hand the same one out again (anomaly 19).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u128);

impl Token {
    /// A fraction in `0.0..1.0` drawn from the token, for jitter.
    pub fn fraction(self) -> f64 {
        // 53 bits: every f64 in the range is reachable and 1.0 is not.
        ((self.0 as u64) >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}
