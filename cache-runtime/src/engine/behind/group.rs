//! One group of writes that become durable together: as many as were waiting, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::tables::{Head, Intent, Place};
use crate::engine::debt::Touch;
use crate::engine::in_flight::Ticket;
use crate::engine::session::Session;
use crate::engine::view::Pin;
use crate::ports::database::Database;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::outbox::{OnFull, OnParked};

/// A write that waits to be enqueued.
pub(super) struct Waiting {
    pub(super) intent: Intent,
    pub(super) touch: Touch,
    pub(super) answer: oneshot::Sender<Result<Place>>,
    /// What its entry was named under, where contracts are registered.
    pub(super) pin: Option<Arc<Pin>>,
    pub(super) _ticket: Ticket,
}

/// What became of a group.
pub(super) struct Outcome {
    /// What has to wait for another group.
    pub(super) left: Vec<Waiting>,
    /// Whether it waits for room.
    pub(super) full: bool,
    /// Why all of it failed, if that may pass at once.
    pub(super) collided: Option<Error>,
}

impl<D: Database> Backlog<D> {
    /// Enqueues what it can of these. Gives back what has to wait: writes whose stripes another
    /// group has locked, and, where the model waits for room, those that find none.
    pub(super) async fn group(self: &Arc<Self>, waiting: Vec<Waiting>, patient: bool) -> Outcome {
        let mut session = match Session::begin(&self.ledger).await {
            Ok(session) => session,
            Err(error) => return Outcome::of(waiting, error),
        };
        let stripes = waiting.iter().map(|write| write.intent.stripe).collect();
        let heads = match self.tables.lock(&mut session, &stripes, patient).await {
            Ok(heads) => heads,
            Err(error) => {
                session.rollback().await;
                return Outcome::of(waiting, error);
            }
        };
        let heads: BTreeMap<i64, Head> = heads.into_iter().map(|it| (it.stripe, it)).collect();
        let (ours, mut left): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|write| heads.contains_key(&write.intent.stripe));
        let (ours, full) = self.with_room(ours, &heads);
        let waits = self.behind.on_full == OnFull::Wait;
        let is_full = !full.is_empty();
        match waits {
            true => left.extend(full),
            false => full.into_iter().for_each(|write| write.refuse(self.full())),
        }
        if ours.is_empty() {
            session.rollback().await;
            return Outcome { left, full: is_full && waits, collided: None };
        }
        if let Err((error, ours)) = self.enqueue(session, ours, &heads).await {
            // In their order, and before those that stand behind them.
            let outcome = Outcome::of(ours, error);
            return Outcome { left: outcome.left.into_iter().chain(left).collect(), ..outcome };
        }
        Outcome { left, full: is_full && waits, collided: None }
    }

    /// Splits off what the outbox has no room for.
    pub(super) fn with_room(
        &self,
        mut ours: Vec<Waiting>,
        heads: &BTreeMap<i64, Head>,
    ) -> (Vec<Waiting>, Vec<Waiting>) {
        let pending = heads.values().next().map_or(0, |head| head.pending);
        let pending = u64::try_from(pending).unwrap_or_default();
        let age = self.oldest_millis.load(Ordering::Relaxed);
        let too_old = pending > 0 && u128::from(age) > self.behind.max_age.as_millis();
        let room = if too_old { 0 } else { self.behind.max_pending.saturating_sub(pending) };
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let full = if ours.len() > room { ours.split_off(room) } else { Vec::new() };
        (ours, full)
    }

    async fn enqueue(
        self: &Arc<Self>,
        mut session: Session<D>,
        ours: Vec<Waiting>,
        heads: &BTreeMap<i64, Head>,
    ) -> Result<(), (Error, Vec<Waiting>)> {
        ours.iter().for_each(|write| session.hold(write.pin.clone()));
        match self.persist(&mut session, ours, heads).await {
            Ok(persisted) => {
                let (touches, answers): (Vec<_>, Vec<_>) = persisted.into_iter().unzip();
                if answers.is_empty() {
                    session.rollback().await;
                    return Ok(());
                }
                session.touch(touches);
                // The fences go up now, and the commit follows: no reader fills what was before.
                let outcome = session.conclude().await;
                self.work.notify_one();
                for (place, answer) in answers {
                    let _ = answer.send(outcome.clone().map(|()| place));
                }
                Ok(())
            }
            Err((error, ours)) => {
                session.rollback().await;
                Err((error, ours))
            }
        }
    }

    /// Inserts the writes, each with the next number of its stripe.
    pub(super) async fn persist(
        &self,
        session: &mut Session<D>,
        mut ours: Vec<Waiting>,
        heads: &BTreeMap<i64, Head>,
    ) -> Result<Vec<Persisted>, (Error, Vec<Waiting>)> {
        let parked = match self.parked(session, &ours, heads).await {
            Ok(parked) => parked,
            Err(error) => return Err((error, ours)),
        };
        if self.behind.on_parked == OnParked::Refuse {
            let (refused, kept): (Vec<_>, Vec<_>) =
                ours.into_iter().partition(|write| parked.contains(&write.intent.aggregate));
            for write in refused {
                write.refuse(self.refused_behind_parked());
            }
            ours = kept;
        }
        ours = match self.based(session, ours, &parked).await {
            Ok(ours) => ours,
            Err((error, ours)) => return Err((error, ours)),
        };
        let mut next: BTreeMap<i64, (i64, i64)> =
            heads.iter().map(|(stripe, head)| (*stripe, (head.next, 0))).collect();
        let (mut pending, mut behind, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for write in &mut ours {
            let Some((seq, skipped)) = next.get_mut(&write.intent.stripe) else { continue };
            let place = Place { stripe: write.intent.stripe, seq: *seq };
            *seq += 1;
            places.push(place);
            if parked.contains(&write.intent.aggregate) {
                *skipped += 1;
                // Anomaly 39: reads of the row fail until somebody has decided, whatever comes after.
                if Guard::ParkedRemoved.stands() {
                    write.touch.put = None;
                }
                behind.push((place, &write.intent));
            } else {
                pending.push((place, &write.intent));
            }
        }
        // Anomaly 33: what is acknowledged is in the database, and not in the store alone.
        let all = if Guard::IntentFirst.stands() { &pending[..] } else { &[] };
        if let Err(error) = self.tables.store(session, all, &behind, &next).await {
            return Err((error, ours));
        }
        let done = ours.into_iter().zip(places);
        Ok(done.map(|(write, place)| (write.touch, (place, write.answer))).collect())
    }

    /// Those that are based on their rows as they are, where the model says that this is looked at.
    async fn based(
        &self,
        session: &mut Session<D>,
        mut ours: Vec<Waiting>,
        parked: &BTreeSet<String>,
    ) -> Result<Vec<Waiting>, (Error, Vec<Waiting>)> {
        let Some(compares) = &self.compares else { return Ok(ours) };
        let asked = ours.iter_mut().map(|write| {
            let queues = parked.contains(&write.intent.aggregate);
            (&mut write.intent, queues)
        });
        let answers = match compares.compare(session, asked.collect()).await {
            Ok(answers) => answers,
            Err(error) => return Err((error, ours)),
        };
        let (mut kept, mut refused) = (Vec::with_capacity(ours.len()), Vec::new());
        for (write, answer) in ours.into_iter().zip(answers) {
            match answer {
                None => kept.push(write),
                Some(conflict) => refused.push((write, conflict)),
            }
        }
        if !refused.is_empty() {
            tokio::spawn(read_again(refused));
        }
        Ok(kept)
    }

    /// Those of the rows that have parked writes.
    async fn parked(
        &self,
        session: &mut Session<D>,
        ours: &[Waiting],
        heads: &BTreeMap<i64, Head>,
    ) -> Result<BTreeSet<String>> {
        let there = heads.values().any(|head| head.parked > 0);
        // Anomaly 38: a later write would be applied without those that are parked.
        if !there || !Guard::ParkedHolds.stands() {
            return Ok(BTreeSet::new());
        }
        let aggregates = ours.iter().map(|write| write.intent.aggregate.as_str());
        self.tables.parked_among(session, aggregates).await
    }

    pub(super) fn full(&self) -> Error {
        Error::new(
            ErrorKind::Full,
            format!(
                "the outbox of `{}` is full: {} writes are pending, or the oldest is older than {:?}; \
                 nothing was written",
                self.model, self.behind.max_pending, self.behind.max_age
            ),
        )
    }

    fn refused_behind_parked(&self) -> Error {
        Error::new(
            ErrorKind::Parked,
            format!(
                "a row of `{}` has writes that cannot be applied, so that no more are taken, and \
                 nothing was written; see `cache_parked`",
                self.model
            ),
        )
    }
}

/// Refuses writes that were based on what is no more: which may well be what is cached, as other
/// programs tell no cache of what they write.
async fn read_again(refused: Vec<(Waiting, Error)>) {
    for (write, conflict) in refused {
        write.touch.invalidator.invalidate(std::slice::from_ref(&write.touch.key)).await;
        write.refuse(conflict);
    }
}

type Persisted = (Touch, (Place, oneshot::Sender<Result<Place>>));

impl Waiting {
    fn refuse(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}

impl Outcome {
    /// Of a group of which nothing was written.
    fn of(waiting: Vec<Waiting>, error: Error) -> Self {
        if is_collision(&error) {
            return Self { left: waiting, full: false, collided: Some(error) };
        }
        refuse(waiting, &error);
        Self { left: Vec::new(), full: false, collided: None }
    }
}

pub(super) fn refuse(waiting: impl IntoIterator<Item = Waiting>, error: &Error) {
    for write in waiting {
        write.refuse(error.clone());
    }
}

/// Whether the database has sacrificed a transaction to others.
fn is_collision(error: &Error) -> bool {
    use diesel::result::DatabaseErrorKind::SerializationFailure;
    use diesel::result::Error::DatabaseError;
    match error.diesel() {
        Some(DatabaseError(SerializationFailure, _)) => true,
        Some(DatabaseError(_, info)) => {
            let message = info.message().to_lowercase();
            ["deadlock", "lock wait timeout", "locked"].iter().any(|it| message.contains(it))
        }
        _ => false,
    }
}
