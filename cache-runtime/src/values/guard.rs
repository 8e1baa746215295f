//! The registry of guards: each check without which an anomaly of
//! `docs/GUARDS.md` becomes possible.
//!
//! In a normal build a guard is just its condition. With the feature
//! `mutants`, a test can remove one guard at a time, in Rust and in the Lua
//! that is sent to Redis, and must then see the anomaly happen.

/// A check that stops at least one anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[cfg_attr(
    not(feature = "events"),
    allow(dead_code, reason = "those of events stand where these are built in")
)]
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
    /// A write removes the lists that its rows come to, leave or are moved in.
    TouchLists,
    /// A row found through a list must still be in it.
    VerifyList,
    /// A write removes the entries of rows that show something of its rows.
    TouchDependents,
    /// These rows are looked for once more when the write has committed.
    DependentsAgain,
    /// A write removes the wholes that its rows are parts of.
    TouchWhole,
    /// The root of an aggregate is read before its members.
    RootFirst,
    /// A caller shares only what was read, or filled, after it arrived.
    JoinInTime,
    /// A row is cached only under its own key, whatever the database equates.
    OwnKey,
    /// While an invalidation could not be sent, this process bypasses the key.
    PendingBypass,
    /// A fence removes the value that readers would still be served.
    FenceRemovesValue,
    /// A fence removes the lease under which an older value could be filled.
    FenceRemovesLease,
    /// Nobody gets a lease while a fence stands.
    FenceBlocksLease,
    /// Of writes whose fences overlap, none puts.
    TaintOverlap,
    /// Whatever removes a value taints the fences that stand.
    TaintRemoval,
    /// A put needs its own fence, still standing.
    OwnFence,
    /// A put's life counts from its fence.
    FenceAnchor,
    /// Each attempt to put up a fence has a token of its own.
    FreshFence,
    /// A fence that was renewed is one that stands.
    RenewStanding,
    /// Strict writes put their fence up before they commit.
    FenceFirst,
    /// A fence is renewed while COMMIT is under way.
    FenceRenewed,
    /// Nothing is put that was not committed.
    PutCommitted,
    /// A fence stays until the database says that a lost COMMIT has ended.
    AwaitOutcome,
    /// Where nobody can say when a lost COMMIT has ended, its entries are removed once more later.
    RemoveAgain,
    /// What a savepoint undid is neither invalidated nor put.
    SavepointUndone,
    /// A fence that was not answered allows no put.
    AnsweredFence,
    /// A hit's version is compared with the row's.
    ValidateHit,
    /// Versions come from a counter that outlives the row.
    VersionCounter,
    /// A fill never replaces a newer version.
    NewerOnly,
    /// What a fill keeps of another build lives no longer than it would have.
    SharedLife,
    /// A fill keeps of another build only what says the same of the row.
    KeptAlike,
    /// A fill keeps nothing that its table's invalidation has made void.
    KeptEra,
    /// A write based on an old version is refused.
    ExpectedVersion,
    /// Reads in a transaction neither use nor fill the cache.
    TransactionBypass,
    /// A row of a table with triggers is read again before it is put.
    RereadTriggered,
    /// A value from before its table was invalidated is not served.
    TableChecked,
    /// What was leased or fenced before its table was invalidated is neither filled nor put.
    TableUnchanged,
    /// Nobody gets a lease while a write of the whole table commits.
    TableFence,
    /// The reconciler calls stale only what differs in two readings, apart by a settle time.
    SettleTwice,
    /// A value counts only while its bucket has a watermark.
    WatermarkGate,
    /// A watermark that the relay did not set last is not prolonged, and what it covers is void.
    WatermarkName,
    /// A write leaves a row in the outbox, in its own transaction.
    OutboxRow,
    /// The relay reads every row of a bucket, and not those past the last one it has seen.
    OutboxAll,
    /// Whoever does not know a kind of entries withdraws it, and it is offered once all know it.
    AllKnow,
    /// A process that has withdrawn a kind writes once all others have seen that.
    WaitForViews,
    /// Nothing is served by a view of the registered processes that is too old.
    ViewExpires,
    /// A kind that is offered anew has names that nobody has filled.
    NewGeneration,
    /// A generation is served once every process writes by it.
    SeenGeneration,
    /// A process says that it writes by a generation once its transactions from before have ended.
    SettledView,
    /// A process that says nothing more is live until its lease is over.
    HeldRegistration,
    /// A write commits only while its process is registered.
    RegisteredInTime,
    /// A write is acknowledged only once its intent is in the outbox.
    IntentFirst,
    /// A row and what is pending for it are read in one snapshot.
    OneSnapshot,
    /// Nobody flushes a stripe that another has claimed.
    StripeClaimed,
    /// What was applied leaves the outbox in the same transaction.
    RemovedWithRows,
    /// No later write of a row is applied while earlier ones are parked.
    ParkedHolds,
    /// A row with parked writes is not read as if all were well.
    ParkedTold,
    /// What was cached of a row is removed when its writes are parked.
    ParkedRemoved,
    /// What is refused because of other rows waits for older pending writes.
    OlderFirst,
    /// A pending write is compared with the version of its row.
    ConflictSeen,
    /// A database that was restored or failed over begins new eras.
    SameDatabase,
    /// A store whose time has jumped begins new eras.
    SteadyTime,
    /// While an event may run ahead of what it tells of, nothing is filled that it concerns.
    OutrunFence,
    /// What an event concerns is removed once more when it cannot be ahead any longer.
    OutrunAgain,
    /// An event is acknowledged when all that it concerns is removed, and not before.
    AcknowledgeLast,
    /// An event that cannot be read makes the tables void that it may have been about.
    VoidParked,
    /// Events that were lost make the tables void that they may have been about.
    VoidGap,
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
        (Guard::TouchLists, "touch-lists"),
        (Guard::VerifyList, "verify-list"),
        (Guard::TouchDependents, "touch-dependents"),
        (Guard::DependentsAgain, "dependents-again"),
        (Guard::TouchWhole, "touch-whole"),
        (Guard::RootFirst, "root-first"),
        (Guard::JoinInTime, "join-in-time"),
        (Guard::OwnKey, "own-key"),
        (Guard::PendingBypass, "pending-bypass"),
        (Guard::FenceRemovesValue, "fence-removes-value"),
        (Guard::FenceRemovesLease, "fence-removes-lease"),
        (Guard::FenceBlocksLease, "fence-blocks-lease"),
        (Guard::TaintOverlap, "taint-overlap"),
        (Guard::TaintRemoval, "taint-removal"),
        (Guard::OwnFence, "own-fence"),
        (Guard::FenceAnchor, "fence-anchor"),
        (Guard::FreshFence, "fresh-fence"),
        (Guard::RenewStanding, "renew-standing"),
        (Guard::FenceFirst, "fence-first"),
        (Guard::FenceRenewed, "fence-renewed"),
        (Guard::PutCommitted, "put-committed"),
        (Guard::AwaitOutcome, "await-outcome"),
        (Guard::RemoveAgain, "remove-again"),
        (Guard::SavepointUndone, "savepoint-undone"),
        (Guard::AnsweredFence, "answered-fence"),
        (Guard::ValidateHit, "validate-hit"),
        (Guard::VersionCounter, "version-counter"),
        (Guard::NewerOnly, "newer-only"),
        (Guard::SharedLife, "shared-life"),
        (Guard::KeptAlike, "kept-alike"),
        (Guard::KeptEra, "kept-era"),
        (Guard::ExpectedVersion, "expected-version"),
        (Guard::TransactionBypass, "transaction-bypass"),
        (Guard::RereadTriggered, "reread-triggered"),
        (Guard::TableChecked, "table-checked"),
        (Guard::TableUnchanged, "table-unchanged"),
        (Guard::TableFence, "table-fence"),
        (Guard::SettleTwice, "settle-twice"),
        (Guard::WatermarkGate, "watermark-gate"),
        (Guard::WatermarkName, "watermark-name"),
        (Guard::OutboxRow, "outbox-row"),
        (Guard::OutboxAll, "outbox-all"),
        (Guard::AllKnow, "all-know"),
        (Guard::WaitForViews, "wait-for-views"),
        (Guard::ViewExpires, "view-expires"),
        (Guard::NewGeneration, "new-generation"),
        (Guard::SeenGeneration, "seen-generation"),
        (Guard::SettledView, "settled-view"),
        (Guard::HeldRegistration, "held-registration"),
        (Guard::RegisteredInTime, "registered-in-time"),
        (Guard::IntentFirst, "intent-first"),
        (Guard::OneSnapshot, "one-snapshot"),
        (Guard::StripeClaimed, "stripe-claimed"),
        (Guard::RemovedWithRows, "removed-with-rows"),
        (Guard::ParkedHolds, "parked-holds"),
        (Guard::ParkedTold, "parked-told"),
        (Guard::ParkedRemoved, "parked-removed"),
        (Guard::OlderFirst, "older-first"),
        (Guard::ConflictSeen, "conflict-seen"),
        (Guard::SameDatabase, "same-database"),
        (Guard::SteadyTime, "steady-time"),
        (Guard::OutrunFence, "outrun-fence"),
        (Guard::OutrunAgain, "outrun-again"),
        (Guard::AcknowledgeLast, "acknowledge-last"),
        (Guard::VoidParked, "void-parked"),
        (Guard::VoidGap, "void-gap"),
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
