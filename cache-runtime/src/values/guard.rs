//! The registry of guards: each check without which an anomaly of
//! `docs/GUARDS.md` becomes possible.
//!
//! In a normal build a guard is just its condition. With the feature
//! `mutants`, a test can remove one guard at a time, in Rust and in the Lua
//! that is sent to Redis, and must then see the anomaly happen.

/// A check that stops at least one anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Guard {
    /// A fill is accepted only under the token of the lease that is there now.
    LeaseToken,
    /// An invalidation removes the lease together with the value.
    InvalidateLease,
    /// Tokens are random, so that none comes back after a flush.
    RandomToken,
    /// The hard expiry counts from the lease, not from the fill.
    LeaseAnchor,
    /// A row that appears removes the entry that said it was absent.
    InvalidateAbsent,
    /// A row found through a lookup must still carry the value looked up.
    VerifyLookup,
    /// A caller shares only what was read, or filled, after it arrived.
    JoinInTime,
    /// A row is cached only under its own key, whatever the database equates.
    OwnKey,
    /// While an invalidation could not be sent, this process bypasses the key.
    PendingBypass,
}

impl Guard {
    /// Every guard with its name, as the Lua scripts spell it.
    #[cfg(any(test, feature = "mutants"))]
    pub const ALL: &'static [(Guard, &'static str)] = &[
        (Guard::LeaseToken, "lease-token"),
        (Guard::InvalidateLease, "invalidate-lease"),
        (Guard::RandomToken, "random-token"),
        (Guard::LeaseAnchor, "lease-anchor"),
        (Guard::InvalidateAbsent, "invalidate-absent"),
        (Guard::VerifyLookup, "verify-lookup"),
        (Guard::JoinInTime, "join-in-time"),
        (Guard::OwnKey, "own-key"),
        (Guard::PendingBypass, "pending-bypass"),
    ];

    /// Whether this guard stands. Always true outside the project's own tests.
    #[inline(always)]
    pub fn stands(self) -> bool {
        #[cfg(feature = "mutants")]
        {
            removal::stands(self)
        }
        #[cfg(not(feature = "mutants"))]
        {
            true
        }
    }
}

#[cfg(feature = "mutants")]
pub use removal::{remove, restore};

#[cfg(feature = "mutants")]
mod removal {
    use super::Guard;
    use std::sync::atomic::{AtomicU8, Ordering};

    const NONE: u8 = u8::MAX;
    static REMOVED: AtomicU8 = AtomicU8::new(NONE);

    /// Removes one guard in this process until [`restore`].
    pub fn remove(guard: Guard) {
        REMOVED.store(guard as u8, Ordering::SeqCst);
    }

    /// Puts every guard back.
    pub fn restore() {
        REMOVED.store(NONE, Ordering::SeqCst);
    }

    pub(super) fn stands(guard: Guard) -> bool {
        REMOVED.load(Ordering::SeqCst) != guard as u8
    }
}
