//! What is found when an entry is held against its row: the facts of a stale read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ports::contract::Contract;
use crate::values::envelope::Kind;

/// An entry and the row that it stands for, compared at one moment.
///
/// Given by [`Repository::report_stale`](crate::Repository::report_stale), and logged by the
/// reconciler for each incident.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// What was promised of the entry.
    pub contract: Arc<Contract>,
    /// What the entry holds: a row, where a unique value leads, a list, or an aggregate.
    pub kind: Kind,
    /// The entry's key, with what is not text escaped.
    pub key: String,
    /// The store that served it.
    pub tier: &'static str,
    /// What the cache says.
    pub cached: Said,
    /// What the primary says.
    pub primary: Said,
    /// Whether the two contradict each other in what may not change by itself.
    pub differs: bool,
    /// How long ago the read, or the write, began that the entry came from.
    pub age: Option<Duration>,
    /// How long it would have been served yet.
    pub left: Option<Duration>,
    /// The codec and the build that wrote it, where the store keeps bytes.
    pub written_by: Option<(u8, u64)>,
    /// Whether somebody is about to fill it.
    pub leased: Option<bool>,
    /// How many writes of it are under way.
    pub fences: Option<usize>,
    /// Whether this process has an invalidation of it that the store has not taken yet.
    pub pending: bool,
    /// Whether the cache is switched off here.
    pub off: bool,
    /// Whether it was removed because of this finding.
    pub repaired: bool,
}

/// What one side says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// It has nothing to say: not cached, or not to be cached.
    Nothing,
    /// That there is no such row.
    Absent,
    /// A value, with its version where the model declares one.
    Present(Option<i64>),
}

impl Finding {
    /// The kind of the entry, as metrics have it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Row => "row",
            Kind::Lookup => "lookup",
            Kind::List => "list",
            Kind::Whole => "whole",
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Absent => f.write_str("no such row"),
            Self::Present(None) => f.write_str("a value"),
            Self::Present(Some(version)) => write!(f, "a value of version {version}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.differs, self.repaired) {
            (false, _) => "no difference",
            (true, false) => "STALE",
            (true, true) => "STALE, removed",
        };
        let model = self.contract.descriptor.model;
        writeln!(f, "{model} {} {}: {verdict}", self.kind_name(), self.key)?;
        writeln!(f, "  {:<9} {}", self.tier, self.cached)?;
        writeln!(f, "  primary   {}", self.primary)?;
        if let Some(age) = self.age {
            write!(f, "  age       {age:.1?}")?;
            match self.left {
                Some(left) => writeln!(f, ", {left:.1?} left")?,
                None => writeln!(f)?,
            }
        }
        if let Some((codec, fingerprint)) = self.written_by {
            writeln!(f, "  source    codec {codec}, fingerprint {fingerprint:016x}")?;
        }
        let mut state = Vec::new();
        for (holds, what) in [
            (self.leased == Some(true), "being filled".to_owned()),
            (self.fences > Some(0), format!("{} writes under way", self.fences.unwrap_or(0))),
            (self.pending, "an invalidation is pending here".to_owned()),
            (self.off, "switched off here".to_owned()),
        ] {
            if holds {
                state.push(what);
            }
        }
        if !state.is_empty() {
            writeln!(f, "  now       {}", state.join(", "))?;
        }
        writeln!(f, "  contract  {}", self.contract.promise())?;
        writeln!(f, "  a write   {}", self.contract.on_write())
    }
}
