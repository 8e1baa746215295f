//! What is under way behind the callers' backs, counted, so that a process can wait for it
//! before it ends.
//!
//! Its own code and not tokio-util's `TaskTracker`: that one tells how much is open but not how
//! much has ended, and what is counted here are not tasks. One task may load many entries, and a
//! missed invalidation is open while nobody works on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the entries being loaded or filled, the transactions that are open or whose
/// consequences are under way, and the invalidations that the store has missed.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// How much has ended, modulo 2^32, above how much is open: one number, so that whoever
    /// reads it sees each thing exactly once.
    both: AtomicU64,
    none_open: Notify,
}

/// How much was open, and how much had ended, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) open: u32,
    ended: u32,
}

impl Tally {
    /// How much ended from `earlier` to here.
    pub(crate) fn ended_since(self, earlier: Self) -> u32 {
        self.ended.wrapping_sub(earlier.ended)
    }
}

const ONE_ENDED: u64 = 1 << 32;

/// One thing under way, until it is dropped: when it is done, and also when its task panics or
/// its runtime ends.
pub(crate) struct Ticket(Arc<Counts>);

impl InFlight {
    /// Something is under way from now on.
    pub(crate) fn ticket(&self) -> Ticket {
        self.0.both.fetch_add(1, Ordering::SeqCst);
        Ticket(self.0.clone())
    }

    /// How things are now.
    pub(crate) fn tally(&self) -> Tally {
        tally(self.0.both.load(Ordering::SeqCst))
    }

    /// Ends at a moment at which nothing is under way.
    pub(crate) async fn none_open(&self) {
        loop {
            // Asked for before the count is read, so that no end between the two is missed.
            let mut none_open = std::pin::pin!(self.0.none_open.notified());
            none_open.as_mut().enable();
            if self.tally().open == 0 {
                return;
            }
            none_open.await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if tally(self.0.both.fetch_add(ONE_ENDED - 1, Ordering::SeqCst)).open == 1 {
            self.0.none_open.notify_waiters();
        }
    }
}

fn tally(both: u64) -> Tally {
    Tally { open: both as u32, ended: (both >> 32) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_the_last_of_them() {
        let in_flight = InFlight::default();
        in_flight.none_open().await;
        let (one, other) = (in_flight.ticket(), in_flight.ticket());
        let waiter = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.none_open().await }
        });
        tokio::task::yield_now().await;
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished(), "one is left");
        assert_eq!(in_flight.tally(), Tally { open: 1, ended: 1 });
        drop(other);
        waiter.await.expect("none is left");
    }
}
