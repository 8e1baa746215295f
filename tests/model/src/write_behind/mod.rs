//! Write-behind: an outbox beside the data, and the store never the only copy.
//!
//! Two processes enqueue groups of one or two writes under the head of a stripe, fence the row's entry,
//! commit, lift and acknowledge. Two flush: they claim the stripe, take the oldest writes, fold them
//! into the row and remove them in one transaction. The database may refuse a row once: its writes are
//! parked, and an operator decides on them. Another program may write the row past the outbox. A reader who
//! misses reads the row and what is pending for it.
//! Any process may die at every step; the store may lose everything.
//!
//! A row is the set of the writes that it consists of, so that "older" is "less". What is in the store
//! may be hit at any moment, and anybody may miss at any moment: both are checked in every state.

pub mod state;
mod ways;

use self::state::{Fence, Flush, Flusher, Kind, Phase, Reader, State, WRITES, up_to};
use crate::protocol::{Defences, Event, Protocol, Switch, event, switch};

/// Write-behind.
pub struct WriteBehind(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    IntentFirst,
    OneSnapshot,
    StripeClaimed,
    RemovedWithRows,
    ParkedHolds,
    ParkedTold,
    ParkedRemoved,
    NumberUnderHead,
    OldestFirst,
    FlushNeverPuts,
    ParkAllOfRow,
    ParkUnderHead,
    QueuedNeverPut,
    DecideUnderHead,
    DecideUnderClaim,
    FenceFirst,
    OwnFence,
    TaintOverlap,
    TaintRemoval,
    ConflictSeen,
}
use Defence::*;

/// What can happen. The numbers are those of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    /// The head is locked, so many numbers are taken, the writes are inserted.
    Lock(usize, u8),
    Rollback(usize),
    Fence(usize),
    Commit(usize),
    /// The fence is lifted: a whole row is put, all else removed. The group is acknowledged.
    Lift(usize),
    Crash(usize),
    FenceExpires(usize),
    /// The stripe is claimed, the oldest write is read, or all are.
    Take(usize, All),
    /// The row is written, what was taken is removed; that is committed.
    Flush(usize),
    /// Defence off: removed after the commit.
    Clear(usize),
    /// The database refuses the row.
    Refuse(usize),
    FenceParked(usize),
    Park(usize),
    LiftParked(usize),
    /// A flusher dies, or its transaction fails.
    Die(usize),
    ParkedFenceExpires(usize),
    Decide(Fate),
    /// Another program writes the row.
    Outside,
    Lease,
    Read,
    /// Defence off: what is pending in a statement of its own.
    ReadPending,
    Fill,
    LoseRead,
    LoseValue,
    LoseLease,
    FlushAll,
}

/// Whether all that is pending is taken, or one write.
pub type All = bool;

/// What an operator does with the parked writes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fate {
    Retry,
    Skip,
    Discard,
}

impl WriteBehind {
    fn stands(&self, defence: Defence) -> bool {
        self.0.stands(defence)
    }

    fn writer_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let writer = state.writers[at];
        let untouched = state.own(writer.writes) == 0;
        match writer.phase {
            Phase::Idle => {
                // They are alike, so that the first who is free may begin.
                let free = |at: &usize| {
                    let writer = state.writers[*at];
                    writer.phase == Phase::Idle && !writer.fence.stands()
                };
                let first = (0..state.writers.len()).find(free) == Some(at);
                if first && (state.head_is_free() || !self.stands(NumberUnderHead)) {
                    let most = (WRITES - state.numbers).min(2);
                    steps.extend((1..=most).map(|count| Step::Lock(at, count)));
                }
            }
            Phase::Locked => {
                steps.extend([Step::Fence(at), Step::Rollback(at)]);
                if state.courtesy || untouched || !self.stands(FenceFirst) {
                    steps.push(Step::Commit(at));
                }
            }
            Phase::Fenced => steps.extend([Step::Commit(at), Step::Rollback(at)]),
            Phase::Committed if !self.stands(FenceFirst) && !writer.fence.stands() => {
                steps.extend([Step::Fence(at), Step::Crash(at)]);
            }
            Phase::Committed => steps.extend([Step::Lift(at), Step::Crash(at)]),
        }
        // A rollback is a crash as well. Until COMMIT has ended a fence that is needed is renewed.
        if writer.fence.stands() && (state.courtesy || writer.phase != Phase::Fenced) {
            steps.push(Step::FenceExpires(at));
        }
    }

    fn flusher_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let needed = !state.courtesy && matches!(state.flushers[at].flush, Flush::Fenced { .. });
        if state.flushers[at].fence.stands() && !needed {
            steps.push(Step::ParkedFenceExpires(at));
        }
        match state.flushers[at].flush {
            Flush::Idle => {
                let first = state.flushers.iter().position(|it| *it == Flusher::IDLE) == Some(at);
                let free = state.claim_is_free() || !self.stands(StripeClaimed);
                if first && free && state.outbox != 0 {
                    steps.extend([Step::Take(at, false), Step::Take(at, true)]);
                }
                return;
            }
            Flush::Taken { writes } => {
                let conflict = state.has_conflict(writes) && self.stands(ConflictSeen);
                if !conflict {
                    steps.push(Step::Flush(at));
                }
                let free = state.head_is_free() || !self.stands(ParkUnderHead);
                if (conflict || !state.refused) && free && state.own(writes) != 0 {
                    steps.push(Step::Refuse(at));
                }
            }
            Flush::Applied { .. } => steps.push(Step::Clear(at)),
            Flush::Parking { .. } => {
                let removed = self.stands(ParkedRemoved);
                if removed {
                    steps.push(Step::FenceParked(at));
                }
                if state.courtesy || !removed {
                    steps.push(Step::Park(at));
                }
            }
            Flush::Fenced { .. } => steps.push(Step::Park(at)),
            Flush::Parked => steps.push(Step::LiftParked(at)),
        }
        steps.push(Step::Die(at));
    }
}

impl Protocol for WriteBehind {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "write_behind";
    const LEAST_STATES: usize = 3_000_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(IntentFirst, "intent-first", &[33]),
        switch(OneSnapshot, "one-snapshot", &[34]),
        switch(StripeClaimed, "stripe-claimed", &[35]),
        switch(OldestFirst, "oldest-first", &[35]),
        switch(RemovedWithRows, "removed-with-rows", &[36]),
        switch(FlushNeverPuts, "flush-never-puts", &[37]),
        switch(NumberUnderHead, "number-under-head", &[25]),
        switch(ParkedHolds, "parked-holds", &[38]),
        switch(ParkAllOfRow, "park-all-of-row", &[38]),
        switch(ParkUnderHead, "park-under-head", &[38]),
        switch(DecideUnderHead, "decide-under-head", &[38, 39]),
        switch(DecideUnderClaim, "decide-under-claim", &[33]),
        switch(ParkedTold, "parked-told", &[39]),
        switch(ParkedRemoved, "parked-removed", &[39]),
        switch(QueuedNeverPut, "queued-never-put", &[39]),
        switch(ConflictSeen, "conflict-seen", &[40]),
        switch(FenceFirst, "fence-first", &[7]),
        switch(OwnFence, "own-fence", &[12]),
        switch(TaintOverlap, "taint-overlap", &[11]),
        switch(TaintRemoval, "taint-removal", &[46]),
    ];

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        vec![
            event("a write is enqueued while a flush is under way", |before, step, _| {
                matches!(step, Step::Lock(..)) && !before.claim_is_free()
            }),
            event("a row is put", |_, step, after| {
                matches!(step, Step::Lift(_)) && after.value.is_some()
            }),
            event("a tainted fence puts nothing", |before, step, after| match step {
                Step::Lift(at) => {
                    before.writers[at].fence == Fence::Tainted && after.value.is_none()
                }
                _ => false,
            }),
            event(
                "a group begins when the one before is not yet acknowledged",
                |before, step, _| {
                    matches!(step, Step::Lock(..)) && before.committed & !before.acknowledged != 0
                },
            ),
            event("a miss reads what is pending", |before, step, after| {
                step == Step::Read
                    && matches!(after.reader, Reader::Read { writes } if writes != before.row.writes)
            }),
            event("a fill is accepted", |_, step, after| {
                step == Step::Fill && after.value.is_some()
            }),
            event("a fill is refused", |before, step, after| {
                step == Step::Fill && after.value == before.value
            }),
            event("several writes are folded into one", |before, step, after| {
                matches!(step, Step::Flush(_))
                    && (after.row.writes ^ before.row.writes).count_ones() > 1
            }),
            event("a flush leaves what came after it", |_, step, after| {
                matches!(step, Step::Flush(_)) && after.outbox != 0
            }),
            event("the store is emptied with writes pending", |before, step, _| {
                step == Step::FlushAll && before.outbox != 0 && before.value.is_some()
            }),
            event("a row is parked, and another of its batch is written", |before, step, after| {
                matches!(step, Step::Park(_)) && after.others != before.others
            }),
            event("a write queues behind parked ones", |before, step, after| {
                matches!(step, Step::Commit(_)) && after.parked != before.parked
            }),
            event("a reader is told of parked writes", |before, step, _| {
                step == Step::Read && before.parked != 0
            }),
            event("a parked write is tried again, and applied", |before, step, after| {
                matches!(step, Step::Flush(_))
                    && before.decided
                    && before.discarded == 0
                    && after.row.writes == up_to(after.row.writes)
            }),
            event("a write is applied after one that was discarded", |before, step, after| {
                let past = up_to(after.row.writes) & before.discarded;
                matches!(step, Step::Flush(_)) && past != 0
            }),
            event("another program comes between, and the row is parked", |before, step, _| {
                matches!(step, Step::Refuse(_)) && before.refused && before.outside
            }),
            event("a row that is based on what another wrote is applied", |before, step, after| {
                let based = before.outbox & !after.outbox & before.seen;
                matches!(step, Step::Flush(_)) && before.own(based) != 0
            }),
            event("who parks dies before the store is told", |before, step, after| match step {
                Step::Die(at) => before.flushers[at].flush == Flush::Parked && after.courtesy,
                _ => false,
            }),
            event("all is applied", |_, _, after| {
                let all = up_to(1 << (WRITES - 1));
                after.acknowledged == all && (after.row.writes | after.others) == all
            }),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        use Kind::{Delete, Delta, Other, Put};
        let kinds = [[Put, Delta, Put], [Delta, Other, Put], [Put, Delete, Delta]];
        let all = [false, true]
            .into_iter()
            .flat_map(|courtesy| kinds.map(|kinds| State::new(kinds, courtesy, false)));
        all.chain([State::new([Put, Delta, Put], false, true)]).collect()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        (0..state.writers.len()).for_each(|at| self.writer_steps(state, at, steps));
        (0..state.flushers.len()).for_each(|at| self.flusher_steps(state, at, steps));
        let claim = state.claim_is_free() || !self.stands(DecideUnderClaim);
        let head = state.head_is_free() || !self.stands(DecideUnderHead);
        if state.watched && !state.outside {
            steps.push(Step::Outside);
        }
        if state.parked != 0 && !state.decided && claim && head {
            steps.extend([Fate::Retry, Fate::Skip, Fate::Discard].map(Step::Decide));
        }
        match state.reader {
            // It is the only one, so its lease is known by being there.
            Reader::Idle if !state.leased && !state.fenced() => steps.push(Step::Lease),
            Reader::Idle => {}
            Reader::Leased => steps.extend([Step::Read, Step::LoseRead]),
            Reader::Half { .. } => steps.push(Step::ReadPending),
            Reader::Read { .. } => steps.extend([Step::Fill, Step::LoseRead]),
        }
        steps.extend([Step::LoseValue, Step::LoseLease]);
        if state.courtesy {
            steps.push(Step::FlushAll);
        }
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Lock(at, count) => self.lock(&mut next, at, count),
            Step::Rollback(at) => self.rollback(&mut next, at),
            Step::Fence(at) => self.fence_group(&mut next, at),
            Step::Commit(at) => self.commit(&mut next, at),
            Step::Lift(at) => self.lift(&mut next, at),
            Step::Crash(at) => next.writers[at].leave(),
            Step::FenceExpires(at) => next.writers[at].fence = Fence::None,
            Step::Take(at, all) => self.take(&mut next, at, all),
            Step::Flush(at) => self.flush(&mut next, at),
            Step::Clear(at) => Self::clear(&mut next, at),
            Step::Refuse(at) => self.refuse(&mut next, at),
            Step::FenceParked(at) => self.fence_parked(&mut next, at),
            Step::Park(at) => self.park(&mut next, at),
            Step::LiftParked(at) => self.lift_parked(&mut next, at),
            Step::Die(at) => next.flushers[at].flush = Flush::Idle,
            Step::ParkedFenceExpires(at) => next.flushers[at].fence = Fence::None,
            Step::Decide(fate) => Self::decide(&mut next, fate),
            Step::Outside => (next.outside, next.row.outside) = (true, true),
            Step::Lease => (next.leased, next.reader) = (true, Reader::Leased),
            Step::Read => self.read(&mut next),
            Step::ReadPending => self.read_pending(&mut next),
            Step::Fill => {
                if let (Reader::Read { writes }, true) = (state.reader, state.leased) {
                    (next.value, next.leased) = (Some(writes), false);
                }
                next.reader = Reader::Idle;
            }
            Step::LoseRead => next.reader = Reader::Idle,
            Step::LoseValue => next.value = None,
            Step::LoseLease => next.leased = false,
            Step::FlushAll => {
                (next.value, next.leased) = (None, false);
                next.each_fence(|_| Fence::None);
            }
        }
        // They are alike.
        next.writers.sort_unstable();
        next.flushers.sort_unstable();
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        let kept = state.row.writes | state.others | state.outbox | state.parked | state.discarded;
        let acknowledged = state.own(state.acknowledged & !state.discarded);
        let overlaid = state.overlaid();
        let value = state.value;
        let old = value.is_some_and(|value| acknowledged & !value != 0);
        match state.parked {
            _ if !state.row.sound => Some("a write is applied twice, or after a later one"),
            _ if state.outside && !state.row.outside => {
                Some("what another program wrote is replaced, and nobody knows")
            }
            _ if state.acknowledged & !kept != 0 => Some("an acknowledged write is lost"),
            0 if !overlaid.sound || state.truth() != overlaid.writes => {
                Some("a miss does not find the row as all committed writes leave it")
            }
            0 => None,
            parked if up_to(state.row.writes) & !up_to(parked & parked.wrapping_neg()) != 0 => {
                Some("a write is applied although an earlier one of the row is parked")
            }
            _ if value.is_some() && state.told => Some("a parked write is hit as if all were well"),
            _ => None,
        }
        .or(state.misread.then_some("a read returns what it must not"))
        .or(old.then_some("a hit is older than an acknowledged write"))
        .or(value
            .is_some_and(|value| !state.courtesy && value != state.truth())
            .then_some("a hit is not what the database says"))
    }
}
