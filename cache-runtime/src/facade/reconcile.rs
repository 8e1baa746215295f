//! The reconciler as an application turns it on, watches it and pauses it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::cache::Cache;
use crate::engine::reconciler::{Progress, Reconciler};
use crate::ports::database::Database;

/// How much a process spends on looking for stale entries. For
/// [`Builder::reconcile`](crate::Builder::reconcile).
///
/// Each look costs one or two reads of the store and one statement on the primary.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Reconcile {
    pub(super) pause: Duration,
    pub(super) settle: Option<Duration>,
    pub(super) one_in: u32,
}

impl Reconcile {
    /// At most this many looks a second, over all models; 0 is taken for 1. Of each model's
    /// reads, one in 100 becomes a candidate.
    pub fn per_second(looks: u32) -> Self {
        Self { pause: Duration::from_secs(1) / looks.max(1), settle: None, one_in: 100 }
    }

    /// How long an entry that differs is left alone before it is looked at again; by default the
    /// life of a fence and one second more. It has to be longer than any write takes from its
    /// COMMIT to the end of its invalidation: what has not settled by then is an incident.
    pub fn settle(mut self, time: Duration) -> Self {
        self.settle = Some(time);
        self
    }

    /// Makes one read in so many a candidate; 0 is taken for 1, which is all of them.
    pub fn one_in(mut self, reads: u32) -> Self {
        self.one_in = reads.max(1);
        self
    }
}

/// What a reconciler has done since its cache was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciled {
    /// Looks.
    pub checked: u64,
    /// Looks that found a difference which had yet to settle.
    pub unsettled: u64,
    /// Looks to which the store or the database gave no answer.
    pub unanswered: u64,
    /// Incidents: entries that no write had removed, and that the reconciler has.
    pub stale: u64,
}

/// The reconciler's task, which ends with its cache.
pub(super) struct Running {
    progress: Arc<Progress>,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) fn start(reconciler: Reconciler) -> Self {
        let progress = reconciler.progress.clone();
        Self { progress, task: tokio::spawn(reconciler.run()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<D: Database> Cache<D> {
    /// Stops looking for stale entries until [`resume_reconciler`](Self::resume_reconciler), as
    /// during a migration that changes rows past the cache. Of no effect where there is none.
    pub fn pause_reconciler(&self) {
        self.set_paused(true);
    }

    /// Undoes [`pause_reconciler`](Self::pause_reconciler).
    pub fn resume_reconciler(&self) {
        self.set_paused(false);
    }

    /// What the reconciler has found so far; none if the builder turned none on.
    pub fn reconciled(&self) -> Option<Reconciled> {
        let progress = &self.running()?.progress;
        Some(Reconciled {
            checked: progress.checked.load(Ordering::Relaxed),
            unsettled: progress.unsettled.load(Ordering::Relaxed),
            unanswered: progress.unanswered.load(Ordering::Relaxed),
            stale: progress.stale.load(Ordering::Relaxed),
        })
    }

    fn set_paused(&self, paused: bool) {
        if let Some(running) = self.running() {
            running.progress.paused.store(paused, Ordering::Relaxed);
        }
    }
}
