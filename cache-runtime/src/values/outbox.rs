//! What a write-behind model declares of its outbox, as data.

use std::time::Duration;

/// What becomes of a write while the outbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFull {
    /// It fails with [`ErrorKind::Full`](crate::ErrorKind::Full), and nothing is written.
    Refuse,
    /// It waits until there is room.
    Wait,
}

/// What becomes of a write to a row that has parked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnParked {
    /// It fails with [`ErrorKind::Parked`](crate::ErrorKind::Parked), and nothing is written.
    Refuse,
    /// It is kept behind them, and shares their lot.
    Queue,
}

/// What becomes of a write that another program has come before: one of the same row that was based on
/// an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnConflict {
    /// It fails with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict), and nothing is written; or,
    /// if it was acknowledged already, it is parked.
    Reject,
    /// It replaces what it has not seen, which is counted.
    Overwrite,
}

/// The limits of an outbox. Built by the derive, as a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    /// How many writes may be pending.
    pub max_pending: u64,
    /// How old the oldest of them may be.
    pub max_age: Duration,
    /// What happens past either.
    pub on_full: OnFull,
    /// What happens to a row with parked writes.
    pub on_parked: OnParked,
    /// The version of the payloads that this build writes.
    pub version: u32,
}

impl Outbox {
    /// A million writes, ten minutes, refusing past that.
    pub const fn new() -> Self {
        Self {
            max_pending: 1_000_000,
            max_age: Duration::from_secs(600),
            on_full: OnFull::Refuse,
            on_parked: OnParked::Refuse,
            version: 1,
        }
    }

    /// How many writes may be pending.
    #[must_use]
    pub const fn max_pending(mut self, rows: u64) -> Self {
        self.max_pending = rows;
        self
    }

    /// How old the oldest of them may be.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// What happens to a write past the limits.
    #[must_use]
    pub const fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// What happens to a write to a row with parked ones.
    #[must_use]
    pub const fn on_parked(mut self, on_parked: OnParked) -> Self {
        self.on_parked = on_parked;
        self
    }

    /// The version of the payloads that this build writes.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}
