//! What a model declares: the strategy, as data.

use std::time::Duration;

use super::token::Token;

/// The caching pattern of a model. Never defaulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pattern {
    /// Read from the cache, load on a miss; writes go to the database and
    /// then invalidate or refresh.
    CacheAside,
    /// As cache-aside for reads; a write also puts the row that it left into the cache.
    WriteThrough,
    /// As cache-aside for reads; a write is acknowledged when it is durable in an outbox, and comes
    /// into its row later. Reads see it at once.
    WriteBehind,
}

/// What a reader may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consistency {
    /// A hit is never older than the ttl. While the store answers, a read after an
    /// acknowledged write sees it; whatever gets lost can cost at most the ttl.
    Eventual,
    /// A hit is never older than this, however many invalidations were lost: each write leaves a
    /// row in an outbox, in its own transaction, and a hit counts only while the store has been
    /// told of all such rows within the bound.
    Bounded(Duration),
    /// Once a write is acknowledged no later read gives an older value, and reads never go
    /// back: every write puts up a fence in the store before it commits, and fails where the
    /// store does not answer.
    Fenced,
    /// The same, whatever happens to the store: each hit reads the row's version from the
    /// primary.
    Validated,
}

/// What a write does to the cached entry once it has committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnWrite {
    /// Remove the entry; the next read loads it.
    Invalidate,
    /// Remove the entry, then load and fill it again before the write returns.
    Refresh,
}

/// A model's declared policy. Built by the derive, as a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pattern: Pattern,
    ttl: Duration,
    jitter_percent: u8,
    negative_ttl: Option<Duration>,
    on_write: OnWrite,
    consistency: Consistency,
    bulk: Option<usize>,
}

impl Consistency {
    /// Whether whoever relies on `other` may rely on this.
    pub const fn is_as_strong_as(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Eventual) | (Self::Fenced | Self::Validated, _) => true,
            (Self::Bounded(own), Self::Bounded(other)) => own.as_nanos() <= other.as_nanos(),
            (Self::Eventual | Self::Bounded(_), _) => false,
        }
    }
}

impl Policy {
    /// An eventual policy with no jitter, no negative caching and invalidation on write.
    pub const fn new(pattern: Pattern, ttl: Duration) -> Self {
        Self {
            pattern,
            ttl,
            jitter_percent: 0,
            negative_ttl: None,
            on_write: OnWrite::Invalidate,
            consistency: Consistency::Eventual,
            bulk: None,
        }
    }

    /// What a reader may rely on.
    #[must_use]
    pub const fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    /// Shortens each entry's life by a random part of this many percent.
    #[must_use]
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent;
        self
    }

    /// Remembers for this long that a key has no row.
    #[must_use]
    pub const fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// What a write does to the entry.
    #[must_use]
    pub const fn on_write(mut self, on_write: OnWrite) -> Self {
        self.on_write = on_write;
        self
    }

    /// The same, with another pattern.
    #[must_use]
    pub const fn with_pattern(mut self, pattern: Pattern) -> Self {
        self.pattern = pattern;
        self
    }

    /// The same, with another limit of an entry's age.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// What the members of an aggregate inherit: all of it, but how their table is written at
    /// once, which is a matter of the table.
    #[must_use]
    pub const fn of_members(mut self) -> Self {
        self.bulk = None;
        self
    }

    /// The pattern.
    pub const fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// A write by filter that touches more rows than this invalidates the whole table.
    #[must_use]
    pub const fn bulk(mut self, rows: usize) -> Self {
        self.bulk = Some(rows);
        self
    }

    /// How many rows a write by filter may touch before it invalidates the whole table; none if
    /// the table cannot be invalidated as a whole.
    pub const fn bulk_limit(&self) -> Option<usize> {
        self.bulk
    }

    /// What a reader may rely on.
    pub const fn promise(&self) -> Consistency {
        self.consistency
    }

    /// The bound on a hit's age, where the model declares one.
    pub const fn bound(&self) -> Option<Duration> {
        match self.consistency {
            Consistency::Bounded(bound) => Some(bound),
            Consistency::Eventual | Consistency::Fenced | Consistency::Validated => None,
        }
    }

    /// The hard limit of an entry's age.
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }

    /// By how many percent an entry's life may be shortened.
    pub const fn jitter(&self) -> u8 {
        self.jitter_percent
    }

    /// The hard limit of the age of an absence; none if absences are not kept.
    pub const fn absence_ttl(&self) -> Option<Duration> {
        self.negative_ttl
    }

    /// What a write does once it has committed.
    pub const fn after_write(&self) -> OnWrite {
        self.on_write
    }

    /// The life of one entry: the ttl less its jitter, so never longer than
    /// declared; `None` if this kind of entry is not to be kept.
    pub fn life(&self, present: bool, token: Token) -> Option<Duration> {
        let ttl = if present { self.ttl } else { self.negative_ttl? };
        let cut = f64::from(self.jitter_percent) / 100.0 * token.fraction();
        Some(ttl.mul_f64(1.0 - cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_ever_shortens() {
        let policy = Policy::new(Pattern::CacheAside, Duration::from_secs(100)).jitter_percent(10);
        for bits in [0, 1, u128::from(u64::MAX), u128::MAX, 1 << 63] {
            let life = policy.life(true, Token(bits)).unwrap_or_default();
            assert!(life <= Duration::from_secs(100), "{life:?}");
            assert!(life >= Duration::from_secs(90), "{life:?}");
        }
        assert_eq!(policy.life(false, Token(1)), None, "absence is kept only where declared");
    }
}
