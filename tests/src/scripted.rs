//! A source of domain events that gives what a test has put into it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::Result;
use cache_runtime::ports::{Batch, BoxFuture, EventSource, Gaps, Guarantee, SetAside};

/// Gives each batch once; a gap until it is closed.
#[derive(Clone, Default)]
pub struct Scripted {
    batches: Arc<Mutex<VecDeque<Batch>>>,
    acknowledged: Arc<Mutex<Vec<String>>>,
    kept: Arc<Mutex<Vec<SetAside>>>,
    gap: Arc<Mutex<Option<String>>>,
}

impl Scripted {
    /// Gives this next.
    pub fn push(&self, batch: Batch) {
        self.batches.lock().unwrap().push_back(batch);
    }

    /// Loses events.
    pub fn lose(&self) {
        *self.gap.lock().unwrap() = Some("planted".to_owned());
    }

    /// The positions that were acknowledged, in order.
    pub fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// What was set aside.
    pub fn kept(&self) -> Vec<SetAside> {
        self.kept.lock().unwrap().clone()
    }
}

impl EventSource for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::new(Gaps::Told, true, Duration::ZERO, Duration::from_secs(30))
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn read(&self) -> BoxFuture<'_, Result<Batch>> {
        Box::pin(async {
            let mut batch = self.batches.lock().unwrap().pop_front().unwrap_or_default();
            batch.gap = self.gap.lock().unwrap().clone();
            Ok(batch)
        })
    }

    fn acknowledge<'a>(&'a self, positions: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            self.acknowledged.lock().unwrap().extend_from_slice(positions);
            Ok(())
        })
    }

    fn keep<'a>(&'a self, events: &'a [SetAside]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            self.kept.lock().unwrap().extend_from_slice(events);
            Ok(())
        })
    }

    fn close_gap(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            *self.gap.lock().unwrap() = None;
            Ok(())
        })
    }
}
