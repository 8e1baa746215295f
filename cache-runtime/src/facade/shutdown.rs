//! The end of a cache, with nothing left undone that can be done in time.

use std::time::Duration;

use super::behind;
use super::cache::Cache;
use crate::ports::database::Database;

/// What became of the work that was under way when a cache was shut down.
///
/// An entry that is loaded or filled counts as one, and so do a transaction, from its beginning
/// to its last consequence, and an invalidation that the store has missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "says whether anything was abandoned"]
#[non_exhaustive]
pub struct Drained {
    /// What ended in time.
    pub drained: u32,
    /// What was still under way at the deadline. It goes on for as long as its runtime does;
    /// what is lost with that, the ttl covers.
    pub abandoned: u32,
    /// How many acknowledged writes are still in outboxes: they are kept, and other processes flush
    /// them, or this one when it starts again. None if nobody could say within the deadline.
    pub pending: Option<u64>,
}

impl<D: Database> Cache<D> {
    /// Ends the use of the cache: waits until nothing is under way in the background, for at
    /// most `deadline`. For the end of the process, after the last request was answered.
    ///
    /// From the call on, and for good, reads go to the database, and nothing new is loaded into
    /// the cache. Writes go on working, and are answered when their invalidations are done or,
    /// if the store is away, noted. Pending writes of write-behind models are flushed, as far as the
    /// time goes.
    ///
    /// With [`Builder::register_contracts`](crate::Builder::register_contracts), and if nothing was
    /// abandoned, this process says goodbye: later writes fail with
    /// [`ErrorKind::Unregistered`](crate::ErrorKind::Unregistered).
    ///
    /// Dropping the future ends the waiting, and nothing else.
    pub async fn shutdown(&self, deadline: Duration) -> Drained {
        let in_flight = &self.ledger().in_flight;
        let clock = &self.ledger().fences.clock;
        let begun = clock.now();
        self.switch().close();
        let before = in_flight.tally();
        let all_ended = tokio::select! {
            () = in_flight.none_open() => true,
            () = clock.sleep(deadline) => false,
        };
        let after = in_flight.tally();
        // What is open then has begun since: a flush, which is waited for below.
        let abandoned = if all_ended { 0 } else { after.open };
        let drained = after.ended_since(before);
        let left = deadline.saturating_sub(clock.now().since(begun));
        let pending = behind::drain(self.flushers(), clock, left).await;
        if abandoned > 0 || pending != Some(0) {
            tracing::warn!(
                drained,
                abandoned,
                pending,
                "the cache was shut down before all was done; pending writes are kept"
            );
        }
        if abandoned == 0
            && let Some(registered) = &self.ledger().registered
        {
            tokio::select! {
                () = registered.end() => {}
                () = clock.sleep(deadline) => {}
            }
        }
        Drained { drained, abandoned, pending }
    }
}
