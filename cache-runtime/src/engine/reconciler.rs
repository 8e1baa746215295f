//! Compares what the cache says with what the database says, all the time and slowly, to find the
//! changes that went past the cache: raw SQL, cascades, TRUNCATE.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::comparison::{Check, Outcome, Watched};
use super::switch::Switch;
use crate::ports::clock::Clock;
use crate::values::moment::Moment;

/// How many entries wait to be looked at again; while it is full, none is sampled.
const MOST: usize = 1024;

/// What the reconciler has seen so far, and whether it goes on.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) paused: AtomicBool,
    pub(crate) checked: AtomicU64,
    pub(crate) unsettled: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) stale: AtomicU64,
}

/// The background task of one cache.
pub(crate) struct Reconciler {
    pub(crate) models: Vec<Arc<dyn Watched>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) switch: Switch,
    /// Between two looks.
    pub(crate) pause: Duration,
    /// Between two looks at one entry: longer than a write may take from commit to invalidation.
    pub(crate) settle: Duration,
}

impl Reconciler {
    /// Goes on until the cache is shut down.
    pub(crate) async fn run(mut self) {
        let mut unsettled: VecDeque<(Moment, Check)> = VecDeque::new();
        while !self.switch.is_closed() {
            self.clock.sleep(self.pause).await;
            if self.progress.paused.load(Ordering::Relaxed) {
                continue;
            }
            let due = unsettled.front().is_some_and(|(at, _)| *at <= self.clock.now());
            let check = match due {
                true => unsettled.pop_front().map(|(_, check)| check),
                false if unsettled.len() < MOST => self.sample(),
                false => None,
            };
            let Some(check) = check else { continue };
            // On a task of its own: a row that cannot be read must not end the reconciler.
            let outcome = tokio::spawn(check()).await.unwrap_or(Outcome::Unknown);
            self.progress.checked.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Outcome::Sound => {}
                Outcome::Differs(check) => {
                    self.progress.unsettled.fetch_add(1, Ordering::Relaxed);
                    unsettled.push_back((self.clock.now() + self.settle, check));
                }
                Outcome::Stale => {
                    self.progress.stale.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Unknown => {
                    self.progress.unanswered.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// The models take turns.
    fn sample(&mut self) -> Option<Check> {
        for _ in 0..self.models.len() {
            self.models.rotate_left(1);
            if let Some(check) = self.models.last().and_then(|model| model.clone().sample()) {
                return Some(check);
            }
        }
        None
    }
}
