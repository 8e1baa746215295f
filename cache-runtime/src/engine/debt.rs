//! What a transaction owes the cache, from its statements to long after its COMMIT.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::exclusive::Exclusive;
use super::fences::{Fences, Placed};
use super::in_flight::InFlight;
use super::invalidator::Invalidator;
use super::registrar::Registered;
use super::view::Pin;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::store::Put;
use crate::ports::telemetry::Event;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::EntryKey;

/// What a write does to one entry.
pub(crate) struct Touch {
    pub(crate) key: EntryKey,
    pub(crate) need: Need,
    /// What to put in its place once the write has committed; else it is removed.
    pub(crate) put: Option<Packing>,
    pub(crate) invalidator: Arc<Invalidator>,
}

/// Makes the value to put, once the store's time at the fence is known.
pub(crate) type Packing = Box<dyn FnOnce(u64) -> Option<Put> + Send + Sync>;

/// How a touched entry is protected while the write commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Not at all: it is removed once the write has committed.
    Removal,
    /// By a fence, if the store answers.
    Fence,
    /// By a fence, or else the write does not commit.
    Strict,
}

/// What all transactions of one cache share.
pub(crate) struct Ledger<D> {
    /// The claim on the database, where a store inside the process keeps strict promises. It
    /// stands here, and not in the cache, because a repository may outlive its cache.
    pub(crate) _exclusive: Option<Arc<Exclusive>>,
    /// The registration, where contracts are registered; here for the same reason.
    pub(crate) registered: Option<Registered>,
    pub(crate) database: D,
    pub(crate) fences: Fences,
    pub(crate) in_flight: InFlight,
    /// A strict write is acknowledged although the store did not confirm its end.
    pub(crate) accepts_fence_loss: bool,
}

impl<D> Ledger<D> {
    /// What a transaction begins under, where contracts are registered.
    pub(crate) fn pin(&self) -> Result<Option<Arc<Pin>>> {
        self.registered.as_ref().map(|registered| registered.view.pin()).transpose()
    }
}

/// The debt of one transaction.
pub(crate) struct Debt<D> {
    ledger: Arc<Ledger<D>>,
    /// The entries with fences, and their fences once they were asked for.
    fenced: Vec<Touch>,
    placed: Vec<Placed>,
    /// The entries that are only removed.
    removed: Vec<Touch>,
}

impl<D: Database> Debt<D> {
    /// Each entry once: the last touch tells what becomes of it, the strictest how.
    pub(crate) fn new(ledger: Arc<Ledger<D>>, touches: Vec<Touch>) -> Self {
        let mut last: HashMap<EntryKey, Touch> = HashMap::with_capacity(touches.len());
        for mut touch in touches {
            if let Some(earlier) = last.get(&touch.key) {
                touch.need = touch.need.max(earlier.need);
            }
            last.insert(touch.key.clone(), touch);
        }
        let mut touches: Vec<Touch> = last.into_values().collect();
        // One order for all, whatever the map's.
        touches.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let (removed, fenced) = touches.into_iter().partition(|touch| touch.need == Need::Removal);
        Self { ledger, fenced, placed: Vec::new(), removed }
    }

    /// Whether the transaction may not commit without its fences.
    pub(crate) fn is_strict(&self) -> bool {
        self.fenced.iter().any(|touch| touch.need == Need::Strict)
    }

    /// Puts the fences up. Fails where the transaction may not commit without them.
    pub(crate) async fn fence(&mut self) -> Result<()> {
        if self.fenced.is_empty() || (self.is_strict() && !Guard::FenceFirst.stands()) {
            return Ok(());
        }
        let keys: Vec<EntryKey> = self.fenced.iter().map(|touch| touch.key.clone()).collect();
        let tries = if self.is_strict() { 2 } else { 1 };
        let (placed, answer) = self.ledger.fences.place(&keys, tries).await;
        self.placed = placed;
        match answer {
            Err(source) if self.is_strict() => Err(Error::new(
                ErrorKind::Store,
                "the store did not take the fence of a strict write, so nothing was written; try \
                 again when it answers",
            )
            .with_source(source)),
            _ => Ok(()),
        }
    }

    /// Keeps the fences up for as long as `work` takes.
    pub(crate) async fn keep_up<T>(&self, work: impl Future<Output = T>) -> T {
        // One that was not answered must not be prolonged: it allows no put, and only keeps
        // readers from filling.
        let answered: Vec<Placed> =
            self.placed.iter().filter(|fence| fence.at.is_some()).cloned().collect();
        self.ledger.fences.keep_up(&answered, work).await
    }

    /// It committed: puts what may be put, removes the rest.
    pub(crate) async fn settle(mut self) -> Result<()> {
        if self.placed.len() < self.fenced.len() {
            // Only without the guard `fence-first`: too late, as a naive build would.
            let keys: Vec<EntryKey> = self.fenced.iter().map(|touch| touch.key.clone()).collect();
            self.placed = self.ledger.fences.place(&keys, 1).await.0;
        }
        let strict = self.is_strict() && !self.ledger.accepts_fence_loss;
        let (lifted, ()) = tokio::join!(
            lift(&self.ledger.fences, self.placed, self.fenced, true),
            remove(self.removed)
        );
        match lifted {
            Err(source) if strict => Err(Error::new(
                ErrorKind::Unreleased,
                "the write is committed, but the store did not confirm it; until its fence has \
                 expired, readers are served from the database",
            )
            .with_source(source)),
            _ => Ok(()),
        }
    }

    /// It did not commit: lifts the fences, and nothing else has changed.
    pub(crate) async fn forgive(self) {
        let _ = lift(&self.ledger.fences, self.placed, self.fenced, false).await;
    }

    /// Nobody knows whether it committed. Keeps the fences up until the database says that the
    /// transaction has ended, then removes everything that it may have changed.
    pub(crate) async fn outlive(self, name: Option<String>) {
        let pause = self.ledger.fences.expiry / 3;
        match name {
            Some(name) => {
                while !self.has_ended(&name).await {
                    self.ledger.fences.renew(&self.placed).await;
                    self.ledger.fences.clock.sleep(pause).await;
                }
            }
            // Without a name, time must do: what is removed now may be filled before the COMMIT
            // takes effect, and is removed once more.
            None if !self.is_strict() => {
                let keys = self.fenced.iter().chain(&self.removed);
                let _ = remove_all(keys.map(|touch| (&touch.invalidator, &touch.key))).await;
                if !Guard::RemoveAgain.stands() {
                    return;
                }
                self.ledger.fences.clock.sleep(self.ledger.fences.expiry).await;
            }
            None => {}
        }
        let removed = remove(self.removed);
        let _ = tokio::join!(lift(&self.ledger.fences, self.placed, self.fenced, false), removed);
    }

    async fn has_ended(&self, name: &str) -> bool {
        let sql = <D::Backend as Dialect>::outcome_of(name);
        match self.ledger.database.load(Load::<_, String>::rows(sql)).await {
            Ok(outcome) => outcome.first().is_none_or(|outcome| outcome != "in progress"),
            Err(_) => false,
        }
    }
}

/// Lifts fences. A store that does not answer is told later that the entries are void.
async fn lift(
    fences: &Fences,
    placed: Vec<Placed>,
    touches: Vec<Touch>,
    committed: bool,
) -> Result<()> {
    let mut lifts = Vec::with_capacity(placed.len());
    let mut wanted = Vec::with_capacity(placed.len());
    let mut owners = Vec::with_capacity(placed.len());
    for (fence, touch) in placed.into_iter().zip(touches) {
        // A fence that was not answered before COMMIT may not have stood then.
        let may = committed && (fence.at.is_some() || !Guard::AnsweredFence.stands());
        let at = fence.at.unwrap_or_default();
        let put = touch.put.filter(|_| may).and_then(|pack| pack(at));
        wanted.push(put.is_some());
        owners.push((touch.invalidator, fence.key.clone()));
        lifts.push((fence, put));
    }
    match fences.lift(lifts).await {
        Ok(puts) => {
            for (((owner, _), wanted), put) in owners.iter().zip(wanted).zip(puts) {
                if wanted {
                    owner.event(if put { Event::Put } else { Event::PutRefused });
                }
            }
            Ok(())
        }
        Err(error) => {
            for (owner, key) in owners {
                owner.put_off(std::slice::from_ref(&key));
            }
            Err(error)
        }
    }
}

pub(crate) async fn remove(touches: Vec<Touch>) {
    let _ = try_remove(&touches).await;
}

/// The same, and tells whether the store has heard of all of it.
pub(crate) async fn try_remove(touches: &[Touch]) -> Result<()> {
    remove_all(touches.iter().map(|touch| (&touch.invalidator, &touch.key))).await
}

/// One round trip for each model.
async fn remove_all<'a>(
    touches: impl Iterator<Item = (&'a Arc<Invalidator>, &'a EntryKey)>,
) -> Result<()> {
    let mut groups: Vec<(&Arc<Invalidator>, Vec<EntryKey>)> = Vec::new();
    for (owner, key) in touches {
        match groups.iter_mut().find(|(known, _)| Arc::ptr_eq(known, owner)) {
            Some((_, keys)) => keys.push(key.clone()),
            None => groups.push((owner, vec![key.clone()])),
        }
    }
    let mut outcome = Ok(());
    for (owner, keys) in groups {
        outcome = owner.attempt(&keys).await.and(outcome);
    }
    outcome
}

/// How long a fence stands if its writer dies.
pub(crate) const FENCE_EXPIRY: Duration = Duration::from_secs(10);
