//! Fences around the entries that a write is about to change.

use std::sync::Arc;
use std::time::Duration;

use super::shield::Shield;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::store::{Fence, Lift, Put};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// Puts fences up, keeps them up, and lifts them.
pub(crate) struct Fences {
    pub(crate) shield: Arc<Shield>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn Tokens>,
    /// A fence that nobody renews ends after this.
    pub(crate) expiry: Duration,
}

/// A fence that was asked for.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) key: EntryKey,
    pub(crate) token: Token,
    /// The store's time at the fence; none where the store did not answer, and then it may
    /// stand or not, or come to stand later.
    pub(crate) at: Option<u64>,
}

impl Fences {
    /// Puts a fence around each entry, in one round trip. A second attempt is worth a round
    /// trip only where a write would fail without it.
    pub(crate) async fn place(&self, keys: &[EntryKey], tries: usize) -> (Vec<Placed>, Result<()>) {
        let mut fences = self.wishes(keys);
        let mut outcome = Ok(());
        for attempt in 0..tries {
            // Anomaly 45: the store may yet execute an attempt that it did not answer. Under
            // the same token that would bring this fence back after it was lifted.
            if attempt > 0 && Guard::FreshFence.stands() {
                fences = self.wishes(keys);
            }
            match self.shield.call(|store| store.fence(&fences)).await {
                Ok(times) => {
                    let placed = fences.into_iter().zip(times);
                    let placed = placed.map(|(fence, at)| placed_at(fence, Some(at)));
                    return (placed.collect(), Ok(()));
                }
                Err(error) => outcome = Err(error),
            }
        }
        (fences.into_iter().map(|fence| placed_at(fence, None)).collect(), outcome)
    }

    fn wishes(&self, keys: &[EntryKey]) -> Vec<Fence> {
        let wish = |key: &EntryKey| Fence {
            key: key.clone(),
            token: self.tokens.token(),
            expiry: self.expiry,
        };
        keys.iter().map(wish).collect()
    }

    /// Prolongs the fences; whether all of them still stand.
    pub(crate) async fn renew(&self, placed: &[Placed]) -> bool {
        let fences: Vec<_> = placed.iter().map(|fence| (fence.key.clone(), fence.token)).collect();
        let renewed = self.shield.call(|store| store.renew(&fences, self.expiry)).await;
        renewed.is_ok_and(|stand| stand.into_iter().all(|stands| stands))
    }

    /// Keeps the fences up for as long as `work` takes.
    pub(crate) async fn keep_up<T>(&self, placed: &[Placed], work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.clock.sleep(self.expiry / 3), if !placed.is_empty() => {
                    // Anomaly 10: once it ended, a reader could fill what is about to change.
                    if Guard::FenceRenewed.stands() {
                        let _ = self.renew(placed).await;
                    }
                }
            }
        }
    }

    /// Lifts the fences, and puts what there is to put. Tells of each whether it was put.
    pub(crate) async fn lift(&self, lifts: Vec<(Placed, Option<Put>)>) -> Result<Vec<bool>> {
        let lifts: Vec<Lift> = lifts
            .into_iter()
            .map(|(fence, put)| Lift { key: fence.key, token: fence.token, put })
            .collect();
        if lifts.is_empty() {
            return Ok(Vec::new());
        }
        self.shield.call(|store| store.lift(lifts)).await
    }
}

fn placed_at(fence: Fence, at: Option<u64>) -> Placed {
    Placed { key: fence.key, token: fence.token, at }
}
