//! What the runtime tells of itself.

use std::time::Duration;

/// Something that happened to one model's entries on one tier. Keys and values
/// are never part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An entry with a row answered.
    Hit,
    /// An entry that says "no such row" answered.
    Negative,
    /// No usable entry was there.
    Miss,
    /// A hit's version was no longer that of its row, so that it became a miss.
    Outdated,
    /// A write put its row.
    Put,
    /// A write could not put its row: another write came between, or its fence was gone.
    PutRefused,
    /// The store was not asked, for this reason.
    Bypass(&'static str),
    /// The database answered a load of this many entries, after this time.
    Loaded(usize, Duration),
    /// A fill was accepted.
    Filled,
    /// A fill was refused, for this reason.
    FillRefused(&'static str),
    /// Bytes in the store were not an entry, for this reason.
    DecodeFailed(&'static str),
    /// This many entries were invalidated.
    Invalidated(usize),
    /// This many invalidations could not be sent, and are being retried.
    InvalidationMissed(usize),
    /// This many invalidations went through on a retry.
    InvalidationRecovered(usize),
    /// This many invalidations were given up: only the ttl covers them now.
    InvalidationDropped(usize),
    /// The reconciler found an entry of this kind (`row`, `lookup`, `list`, `whole`) that said something
    /// else than the primary, for longer than any write takes, and removed it. It was this old,
    /// where the store can tell.
    StaleRead {
        /// What the entry holds.
        entry: &'static str,
        /// Its age.
        age: Option<Duration>,
    },
    /// A caller waited for a load that another had begun.
    Coalesced,
    /// The relay has applied this many rows of the outbox.
    Relayed(usize),
    /// A round of the relay failed, and is tried again.
    RelayFailed,
    /// This many domain events have been applied to the model's entries.
    EventsApplied(usize),
    /// This many domain events came again that had been applied.
    EventsRepeated(usize),
    /// This many domain events are of a kind that no model takes; they are kept.
    EventsUnknown(usize),
    /// This many domain events could not be read; they are kept, and their tables void.
    EventsParked(usize),
    /// Domain events were lost; the tables that they may have been about are void.
    EventGap,
    /// The oldest of the domain events that were just read had waited this long.
    EventLag(Duration),
    /// Domain events could not be read or applied, and are tried again.
    EventsFailed,
    /// A write was acknowledged, durable in the outbox, after this time.
    Enqueued(Duration),
    /// This many writes that came into their rows replaced what others had written there and they had
    /// not seen.
    Conflicts(usize),
    /// So many pending writes came into so many rows.
    Flushed {
        /// How many writes.
        writes: usize,
        /// How many rows they were folded into.
        rows: usize,
    },
    /// The oldest of the pending writes whose model nobody seems to have has been pending for so long;
    /// zero if there are none.
    Stray(Duration),
    /// So many writes are pending, and the oldest has been for so long.
    Backlog {
        /// How many.
        pending: u64,
        /// For how long the oldest has been.
        oldest: Duration,
    },
    /// So many rows have writes that were parked just now.
    Parked(usize),
    /// The store's circuit breaker is now open (true) or closed (false).
    Breaker(bool),
}

/// A sink for [`Event`]s.
///
/// Contract: `event` is called on the hit path. It must not block, and should
/// not allocate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take the events of a cache",
    note = "the default is `MetricsTelemetry`, which any recorder of the `metrics` crate receives; leave `.telemetry(..)` out and install the recorder before `build()`",
    note = "for a sink of your own: `impl Telemetry`"
)]
pub trait Telemetry: Send + Sync + 'static {
    /// A sink for one model (`"*"` for the store as a whole) on one tier.
    fn probe(&self, model: &'static str, tier: &'static str) -> Box<dyn Probe>;
}

/// One model's sink on one tier.
pub trait Probe: Send + Sync {
    /// Takes an event.
    fn event(&self, event: Event);
}
