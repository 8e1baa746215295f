//! What is promised with a fence, what may happen, and what defends it.
//!
//! The two share every script and every step. What the one can do without shows
//! what the other needs it for.

use super::writer::{Phase, Writer};
use super::{Fenced, Step};
use crate::protocol::{Event, Switch, event, switch};

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    FenceBlocksLease,
    FenceBlocksFill,
    FenceRemovesValue,
    FenceRemovesLease,
    FenceFirst,
    TaintOverlap,
    TaintRemoval,
    InvalidateLease,
    OwnFence,
    AnsweredFence,
    FreshFence,
    FenceRenewed,
    RenewStanding,
    AwaitOutcome,
    UnknownNeverPuts,
    PutCommitted,
    JoinBeforeRead,
    JoinIfAccepted,
    JoinBeforeFill,
}
use Defence::*;

/// A promise, and the faults under which it is given.
pub trait World: Send + Sync + Sized + 'static {
    /// How it is called in the report.
    const NAME: &'static str;
    /// Whether nothing may go back, and fences are not forgotten.
    const STRICT: bool;
    /// What it cannot do without.
    const DEFENCES: &'static [Switch<Defence>];
    /// What it could.
    const SPARE: &'static [Switch<Defence>];
    /// What has to come about in this one alone.
    fn events() -> Vec<Event<Fenced<Self>>>;
}

/// `strict(fenced)`. A fence is not forgotten while a COMMIT may take effect: no FLUSHALL, no
/// eviction of fences, renewal. A writer whose FENCE is not answered does not commit.
#[derive(Debug)]
pub struct Strict;

impl World for Strict {
    const NAME: &'static str = "fenced";
    const STRICT: bool = true;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(FenceBlocksLease, "fence-blocks-lease", &[1, 7]),
        switch(FenceRemovesValue, "fence-removes-value", &[8]),
        switch(FenceRemovesLease, "fence-removes-lease", &[1, 7]),
        switch(FenceFirst, "fence-first", &[6, 8]),
        switch(TaintOverlap, "taint-overlap", &[11]),
        switch(OwnFence, "own-fence", &[12]),
        switch(AnsweredFence, "answered-fence", &[45]),
        switch(FreshFence, "fresh-fence", &[45]),
        switch(FenceRenewed, "fence-renewed", &[10]),
        switch(RenewStanding, "renew-standing", &[45]),
        switch(AwaitOutcome, "await-outcome", &[14]),
        switch(UnknownNeverPuts, "unknown-never-puts", &[14]),
        switch(PutCommitted, "put-committed", &[13]),
        switch(JoinBeforeRead, "join-before-read", &[9]),
        switch(JoinIfAccepted, "join-if-accepted", &[9]),
        switch(JoinBeforeFill, "join-before-fill", &[48]),
    ];
    /// Without a lease that outlives a FENCE, and with every overlap tainted at the FENCE, there is
    /// nothing left for these to stop: what they are for are writers without a fence.
    const SPARE: &'static [Switch<Defence>] = &[
        switch(FenceBlocksFill, "fence-blocks-fill", &[]),
        switch(TaintRemoval, "taint-removal", &[]),
        switch(InvalidateLease, "invalidate-lease", &[]),
    ];

    fn events() -> Vec<Event<Fenced<Self>>> {
        let event = event::<Fenced<Self>>;
        vec![event("a fence outlives its writer", |before, step, _| match step {
            Step::FenceExpires(at) => before.writers[at].phase == Phase::Gone,
            _ => false,
        })]
    }
}

/// The fence of an `eventual` write-through, a courtesy: FLUSHALL may come, fences may expire any
/// time, and a writer whose FENCE is not answered goes on without it.
#[derive(Debug)]
pub struct Courtesy;

impl World for Courtesy {
    const NAME: &'static str = "write_through";
    const STRICT: bool = false;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(FenceBlocksLease, "fence-blocks-lease", &[1]),
        switch(FenceRemovesLease, "fence-removes-lease", &[1]),
        switch(FenceFirst, "fence-first", &[26]),
        switch(TaintOverlap, "taint-overlap", &[11]),
        switch(TaintRemoval, "taint-removal", &[46]),
        switch(InvalidateLease, "invalidate-lease", &[1]),
        switch(OwnFence, "own-fence", &[12]),
        switch(AnsweredFence, "answered-fence", &[45]),
        switch(FreshFence, "fresh-fence", &[45]),
        switch(RenewStanding, "renew-standing", &[12, 45]),
        switch(UnknownNeverPuts, "unknown-never-puts", &[14]),
        switch(PutCommitted, "put-committed", &[13]),
        switch(JoinBeforeRead, "join-before-read", &[9]),
        switch(JoinIfAccepted, "join-if-accepted", &[9]),
        switch(JoinBeforeFill, "join-before-fill", &[48]),
    ];
    /// Reads may go back here, and a write whose COMMIT is unknown is not acknowledged. Without
    /// these it still keeps what little it promises.
    const SPARE: &'static [Switch<Defence>] = &[
        switch(FenceBlocksFill, "fence-blocks-fill", &[]),
        switch(FenceRemovesValue, "fence-removes-value", &[]),
        switch(AwaitOutcome, "await-outcome", &[]),
    ];

    fn events() -> Vec<Event<Fenced<Self>>> {
        let event = event::<Fenced<Self>>;
        vec![
            event("a writer commits without a fence", |before, step, _| match step {
                Step::Commit(at) => before.writers[at].phase == Phase::Locked,
                _ => false,
            }),
            event("FLUSHALL forgets a fence before COMMIT", |before, step, _| {
                let about_to_commit =
                    |writer: &Writer| writer.phase == Phase::Fenced && writer.own.stands();
                step == Step::FlushAll && before.writers.iter().any(about_to_commit)
            }),
        ]
    }
}
