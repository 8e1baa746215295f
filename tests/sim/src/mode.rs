//! The patterns and promises that are simulated.

use std::time::Duration;

/// How long an entry may live, in seconds: short beside nothing but a fence and a lease.
pub const TTL: u64 = 10;

/// How long an entry may live where events end its life, in seconds.
const DAY: u64 = 86_400;

/// How old a hit may be where a bound is declared, in seconds.
pub const BOUND: u64 = 3;

/// Events are looked for so often.
pub const EVERY: Duration = Duration::from_secs(2);

/// How far an event of the stream may run ahead of the commit that it tells of.
pub const AHEAD: Duration = Duration::from_secs(3);

/// An event that nobody has acknowledged is delivered again after so long. The table says the same.
pub const REDELIVERS: Duration = Duration::from_secs(30);

/// All events have been taken so long after the last of all that goes wrong.
pub const TAKEN: Duration = Duration::from_secs(50);

/// What a model declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Aside,
    Through,
    Fenced,
    FencedThrough,
    Validated,
    ValidatedThrough,
    /// These two invalidate the whole table where a filter meets more than one row.
    Bulk,
    BulkFenced,
    /// No hit of these is older than the bound.
    Bounded,
    BoundedThrough,
    /// The rows of these are the roots of aggregates.
    Whole,
    WholeFenced,
    /// Others change rows past the caches of these, which live for a day, and tell of it: by the
    /// table of events, or by a stream.
    Told,
    Streamed,
    /// Writes of these are acknowledged when they are in the outbox.
    Behind,
    BehindFenced,
}

impl Mode {
    pub const ALL: [Self; 16] = [
        Self::Aside,
        Self::Through,
        Self::Fenced,
        Self::FencedThrough,
        Self::Validated,
        Self::ValidatedThrough,
        Self::Bulk,
        Self::BulkFenced,
        Self::Bounded,
        Self::BoundedThrough,
        Self::Whole,
        Self::WholeFenced,
        Self::Told,
        Self::Streamed,
        Self::Behind,
        Self::BehindFenced,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Aside => "aside",
            Self::Through => "through",
            Self::Fenced => "fenced",
            Self::FencedThrough => "fenced-through",
            Self::Validated => "validated",
            Self::ValidatedThrough => "validated-through",
            Self::Bulk => "bulk",
            Self::BulkFenced => "bulk-fenced",
            Self::Bounded => "bounded",
            Self::BoundedThrough => "bounded-through",
            Self::Whole => "whole",
            Self::WholeFenced => "whole-fenced",
            Self::Told => "told",
            Self::Streamed => "streamed",
            Self::Behind => "behind",
            Self::BehindFenced => "behind-fenced",
        }
    }

    pub fn is_fenced(self) -> bool {
        use Mode::{BehindFenced, BulkFenced, Fenced, FencedThrough, WholeFenced};
        matches!(self, Fenced | FencedThrough | BulkFenced | WholeFenced | BehindFenced)
    }

    pub fn is_strict(self) -> bool {
        use Mode::{Validated, ValidatedThrough};
        self.is_fenced() || matches!(self, Validated | ValidatedThrough)
    }

    pub fn is_bounded(self) -> bool {
        matches!(self, Self::Bounded | Self::BoundedThrough)
    }

    /// Whether others change rows and tell of it.
    pub fn has_events(self) -> bool {
        matches!(self, Self::Told | Self::Streamed)
    }

    /// How old a read may be where it is not strict, in seconds.
    pub fn oldest(self) -> u64 {
        match self {
            Self::Told | Self::Streamed => DAY,
            _ if self.is_bounded() => BOUND,
            _ => TTL,
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    pub fn has_bulk(self) -> bool {
        matches!(self, Self::Bulk | Self::BulkFenced)
    }

    /// Whether accounts have items, which are members of them.
    pub fn has_items(self) -> bool {
        matches!(self, Self::Whole | Self::WholeFenced)
    }

    /// Whether what is acknowledged comes into its row later.
    pub fn has_outbox(self) -> bool {
        matches!(self, Self::Behind | Self::BehindFenced)
    }

    /// Whether what becomes of a schedule depends on when something is looked for: where the store's
    /// own time is among the answers, and where it depends on how long a server takes to start how
    /// often there was a look.
    pub fn is_timed(self) -> bool {
        self.is_bounded() || self.has_events() || self.has_outbox()
    }

    pub fn has_version(self) -> bool {
        matches!(self, Self::Validated | Self::ValidatedThrough)
    }
}
