//! Which guards a simulation must miss, and in which modes; and who removes the others.

use cache_runtime::guard::Guard;

use crate::mode::Mode;

/// Where a guard is removed.
pub enum Proof {
    /// Schedules of each of these modes must break a promise.
    Here(&'static [Mode]),
    /// The same, on a database that can say what became of a transaction.
    OnPostgres(&'static [Mode]),
    /// Outside of what is simulated: this suite removes it, for this reason.
    Elsewhere(&'static str, &'static str),
}

use Proof::{Elsewhere, Here, OnPostgres};

/// The proof of each guard. One that is missing here does not compile its way past the run: it
/// is looked up for each of `Guard::ALL`.
pub const PROOFS: &[(Guard, Proof)] = &[
    (Guard::LeaseToken, Here(&[Mode::Aside, Mode::Fenced])),
    (Guard::InvalidateLease, Here(&[Mode::Aside])),
    (Guard::RandomToken, Elsewhere("anomalies", "tokens of a schedule come from its seed")),
    (Guard::LeaseAnchor, Here(&[Mode::Aside])),
    (Guard::InvalidateAbsent, Here(&[Mode::Aside, Mode::Fenced])),
    (Guard::VerifyLookup, Here(&[Mode::Aside, Mode::Fenced])),
    (Guard::TouchLists, Elsewhere("anomalies", "the model here has no list")),
    (Guard::VerifyList, Elsewhere("anomalies", "the model here has no list")),
    (Guard::TouchDependents, Elsewhere("anomalies", "no model here depends on another")),
    (Guard::DependentsAgain, Elsewhere("anomalies", "no model here depends on another")),
    (Guard::TouchWhole, Here(&[Mode::Whole, Mode::WholeFenced])),
    (Guard::RootFirst, Here(&[Mode::Whole, Mode::WholeFenced])),
    (Guard::JoinInTime, Here(&[Mode::Aside, Mode::Fenced])),
    (Guard::OwnKey, Elsewhere("anomalies", "no key here has a second spelling")),
    (Guard::PendingBypass, Here(&[Mode::Aside])),
    (Guard::FenceRemovesValue, Here(&[Mode::Fenced])),
    (Guard::FenceRemovesLease, Here(&[Mode::Fenced])),
    (Guard::FenceBlocksLease, Here(&[Mode::Fenced, Mode::Through])),
    (Guard::TaintOverlap, Here(&[Mode::Through, Mode::FencedThrough])),
    (Guard::TaintRemoval, Here(&[Mode::Through])),
    (Guard::OwnFence, Here(&[Mode::Through, Mode::FencedThrough])),
    (Guard::FenceAnchor, Here(&[Mode::Through])),
    (Guard::FreshFence, Here(&[Mode::FencedThrough])),
    (Guard::RenewStanding, Here(&[Mode::Through])),
    (Guard::FenceFirst, Here(&[Mode::Fenced, Mode::FencedThrough])),
    (Guard::FenceRenewed, Here(&[Mode::Fenced])),
    (Guard::PutCommitted, Here(&[Mode::Through, Mode::FencedThrough])),
    (Guard::AwaitOutcome, OnPostgres(&[Mode::Fenced])),
    (Guard::RemoveAgain, Elsewhere("anomalies", "an eventual mode may be stale for a ttl here")),
    (Guard::SavepointUndone, Here(&[Mode::Through])),
    (Guard::AnsweredFence, Here(&[Mode::Through])),
    (Guard::ValidateHit, Here(&[Mode::Validated, Mode::ValidatedThrough])),
    (Guard::VersionCounter, Here(&[Mode::Validated])),
    (Guard::NewerOnly, Elsewhere("guards", "a lease alone stops every older fill here")),
    (Guard::SharedLife, Here(&[Mode::Aside])),
    (Guard::KeptAlike, Elsewhere("guards", "here all changes are told, also those of others")),
    (Guard::KeptEra, Elsewhere("guards", "here a lease drops what is void; below, on Redis")),
    (Guard::ExpectedVersion, Here(&[Mode::Validated])),
    (Guard::TransactionBypass, Here(&[Mode::Aside])),
    (Guard::RereadTriggered, Elsewhere("anomalies", "the table has no trigger")),
    (Guard::SettleTwice, Elsewhere("anomalies", "nobody reconciles here")),
    (Guard::TableChecked, Here(&[Mode::Bulk])),
    (Guard::TableUnchanged, Here(&[Mode::Bulk])),
    (Guard::TableFence, Here(&[Mode::BulkFenced])),
    (Guard::WatermarkGate, Here(&[Mode::Bounded])),
    (Guard::WatermarkName, Elsewhere("anomalies", "no store here fails over")),
    (Guard::OutboxRow, Here(&[Mode::Bounded])),
    (Guard::OutboxAll, Elsewhere("anomalies", "one transaction writes at a time here")),
    (Guard::IntentFirst, Here(&[Mode::Behind, Mode::BehindFenced])),
    (Guard::OneSnapshot, Here(&[Mode::Behind, Mode::BehindFenced])),
    (Guard::StripeClaimed, Elsewhere("anomalies", "one transaction writes at a time here")),
    (Guard::RemovedWithRows, Elsewhere("anomalies", "what is written here may be written twice")),
    (Guard::ParkedHolds, Elsewhere("anomalies", "no row here is refused")),
    (Guard::ParkedTold, Elsewhere("anomalies", "no row here is refused")),
    (Guard::ParkedRemoved, Elsewhere("anomalies", "no row here is refused")),
    (Guard::OlderFirst, Elsewhere("anomalies", "no row here depends on another")),
    (
        Guard::ConflictSeen,
        Elsewhere("anomalies", "nobody else writes a row that is written behind here"),
    ),
    (Guard::AllKnow, Elsewhere("anomalies", "nobody registers here")),
    (Guard::WaitForViews, Elsewhere("anomalies", "nobody registers here")),
    (Guard::ViewExpires, Elsewhere("anomalies", "nobody registers here")),
    (Guard::NewGeneration, Elsewhere("anomalies", "nobody registers here")),
    (Guard::SeenGeneration, Elsewhere("anomalies", "nobody registers here")),
    (Guard::SettledView, Elsewhere("anomalies", "nobody registers here")),
    (Guard::HeldRegistration, Elsewhere("anomalies", "nobody registers here")),
    (Guard::RegisteredInTime, Elsewhere("anomalies", "nobody registers here")),
    (Guard::SameDatabase, Elsewhere("anomalies", "no database here is restored")),
    (Guard::SteadyTime, Elsewhere("anomalies", "no clock here is set back")),
    (Guard::OutrunFence, Here(&[Mode::Streamed])),
    (Guard::OutrunAgain, Here(&[Mode::Streamed])),
    (Guard::AcknowledgeLast, Here(&[Mode::Told, Mode::Streamed])),
    (Guard::VoidParked, Here(&[Mode::Told, Mode::Streamed])),
    (Guard::VoidGap, Here(&[Mode::Streamed])),
];

/// Guards of the scripts in Lua, and the mode whose schedules must miss them on Redis, where chance
/// soon brings about what they stop. The suite `guards` removes these and all others there.
pub const IN_LUA: &[(Guard, Mode)] = &[
    (Guard::LeaseToken, Mode::Aside),
    (Guard::InvalidateLease, Mode::Aside),
    (Guard::FenceRemovesValue, Mode::Fenced),
    (Guard::TaintOverlap, Mode::FencedThrough),
    (Guard::OwnFence, Mode::Through),
    (Guard::TableChecked, Mode::Bulk),
    (Guard::KeptEra, Mode::Bulk),
    (Guard::TableUnchanged, Mode::Bulk),
];
