//! The patterns and promises that are simulated.

/// How long an entry may live, in seconds: short beside nothing but a fence and a lease.
pub const TTL: u64 = 10;

/// How old a hit may be where a bound is declared, in seconds.
pub const BOUND: u64 = 3;

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
}

impl Mode {
    pub const ALL: [Self; 12] = [
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
        }
    }

    pub fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::FencedThrough | Self::BulkFenced | Self::WholeFenced)
    }

    pub fn is_strict(self) -> bool {
        use Mode::{Aside, Bounded, BoundedThrough, Bulk, Through, Whole};
        !matches!(self, Aside | Through | Bulk | Bounded | BoundedThrough | Whole)
    }

    pub fn is_bounded(self) -> bool {
        matches!(self, Self::Bounded | Self::BoundedThrough)
    }

    /// How old a read may be where it is not strict, in seconds.
    pub fn oldest(self) -> u64 {
        if self.is_bounded() { BOUND } else { TTL }
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

    pub fn has_version(self) -> bool {
        matches!(self, Self::Validated | Self::ValidatedThrough)
    }
}
