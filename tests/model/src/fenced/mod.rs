//! `strict(fenced)`, and the same fence as the courtesy of an `eventual`
//! write-through.
//!
//! A writer takes the row's lock, states what it writes, FENCEs the entry
//! (value and lease go, a fresh token is added; fences that meet are tainted),
//! COMMITs, RELEASEs and acknowledges. A RELEASE puts the row only under its own
//! untainted fence; else it removes value and lease and taints every fence. While
//! a fence stands there are no leases and no fills.
//!
//! Where it is strict, anybody may have read the database at any moment, past the
//! cache. So "never older than acknowledged, never back" is a promise about what
//! is there: nothing but the row that the database holds. Where it is a courtesy:
//! nothing older than acknowledged. See [`world`].

mod scripts;
pub mod world;
pub mod writer;

use std::marker::PhantomData;

use self::world::{Defence, World};
use self::writer::{Early, Fence, Phase, Writer};
use crate::flight::{Cargo, Flight, Joins};
use crate::protocol::{Defences, Event, Protocol, Switch, event};
use Defence::*;

/// A fence, and what is promised with it.
pub struct Fenced<W> {
    defences: Defences<Defence>,
    world: PhantomData<W>,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The row that the database holds, numbered in the order of the commits.
    row: u8,
    /// The newest row whose write was acknowledged; not followed where it is strict.
    acknowledged: u8,
    value: Option<u8>,
    lease: Option<u8>,
    writers: [Writer; 3],
    flights: [Flight; 2],
    /// How many of the flights are used.
    readers: usize,
    /// A caller was given a row that is too old.
    stale: bool,
}

/// Writers, each of which writes once, and readers, each of which reads for ever.
const BOUNDS: [(usize, usize); 2] = [(2, 2), (3, 1)];

/// What can happen. The numbers are those of writers, or of flights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    /// The row is locked, the statement done.
    Lock(usize),
    /// FENCE, executed and answered.
    Fence(usize),
    /// An attempt of FENCE that is not answered in time.
    FenceUnanswered(usize),
    /// That attempt is executed, whatever its writer does by now.
    FenceLate(usize),
    FenceExpires(usize),
    EarlyFenceExpires(usize),
    Renew(usize),
    /// COMMIT takes effect, and is answered if its writer still waits for that.
    Commit(usize),
    /// COMMIT fails, likewise.
    Abort(usize),
    /// COMMIT is sent, to take effect or to fail later, and its answer is lost.
    CommitUnanswered(usize),
    Rollback(usize),
    /// RELEASE, executed and answered; the write is acknowledged.
    Release(usize),
    Crash(usize),
    /// A miss: nothing is there, and nobody else's lease.
    Lease(usize),
    /// A refresh: the lease is taken whatever is there.
    ForceLease(usize),
    Read(usize),
    SendFill(usize),
    Fill(usize),
    Reply(usize),
    /// A caller comes aboard.
    Board(usize),
    /// The flight ends, or what it sent or would be told is lost.
    Lose(usize),
    /// Somebody else invalidates, or a RELEASE is repeated.
    Invalidate,
    LoseValue,
    LoseLease,
    FlushAll,
}

impl<W: World> Fenced<W> {
    fn stands(&self, defence: Defence) -> bool {
        self.defences.stands(defence)
    }

    fn joins(&self) -> Joins {
        Joins {
            // Of what a lease's script finds, `lease_fill` tells.
            before_look: true,
            before_read: self.stands(JoinBeforeRead),
            if_accepted: self.stands(JoinIfAccepted),
            before_fill: self.stands(JoinBeforeFill),
        }
    }

    /// What a caller that comes now must not get rows before.
    fn floor(state: &State) -> u8 {
        if W::STRICT { state.row } else { state.acknowledged }
    }

    fn writer_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let writer = state.writers[at];
        let commits_first = !self.stands(FenceFirst);
        let commit = [Step::Commit(at), Step::Abort(at), Step::CommitUnanswered(at)];
        match writer.phase {
            Phase::Idle => {
                // They are all alike, so that one order of beginning is enough.
                let first = state.writers[..at].iter().all(|other| other.phase != Phase::Idle);
                let locked = state.writers.iter().any(|other| other.phase.holds_the_lock());
                if first && !locked {
                    steps.push(Step::Lock(at));
                }
                return;
            }
            Phase::Locked => {
                steps.extend([Step::Fence(at), Step::Rollback(at)]);
                if writer.early == Early::None {
                    steps.push(Step::FenceUnanswered(at));
                }
                if !W::STRICT || commits_first {
                    steps.extend(commit);
                }
            }
            Phase::Fenced => {
                steps.extend(commit);
                steps.push(Step::Rollback(at));
            }
            Phase::Unsure => {
                steps.extend([Step::Commit(at), Step::Abort(at)]);
                if !self.stands(AwaitOutcome) {
                    steps.push(Step::Release(at));
                }
            }
            Phase::Orphaned => steps.extend([Step::Commit(at), Step::Abort(at)]),
            Phase::Committed if commits_first && !writer.answered => steps.push(Step::Fence(at)),
            Phase::Committed | Phase::Ended | Phase::RolledBack => steps.push(Step::Release(at)),
            Phase::Gone => {}
        }
        if !matches!(writer.phase, Phase::Orphaned | Phase::Gone) {
            steps.push(Step::Crash(at));
        }
        self.fence_steps(writer, at, steps);
    }

    /// What happens to a writer's fences meanwhile.
    fn fence_steps(&self, writer: Writer, at: usize, steps: &mut Vec<Step>) {
        if writer.early == Early::UnderWay {
            steps.push(Step::FenceLate(at));
        }
        if writer.early.stands() {
            steps.push(Step::EarlyFenceExpires(at));
        }
        // A renewal that only extends is not seen: fences have no time here but their end.
        if writer.answered && !writer.own.stands() && !self.stands(RenewStanding) {
            steps.push(Step::Renew(at));
        }
        // The writer renews its fence while its COMMIT may take effect. Of one that has crashed the
        // assumption is that this happens within the fence's life, or not at all.
        let kept = W::STRICT && self.stands(FenceRenewed) && writer.phase.may_commit();
        if writer.own.stands() && !kept {
            steps.push(Step::FenceExpires(at));
        }
    }

    fn flight_steps(state: &State, at: usize, steps: &mut Vec<Step>) {
        match state.flights[at] {
            Flight::Grounded => return,
            Flight::Leased { .. } => steps.push(Step::Read(at)),
            Flight::Read(_) => steps.push(Step::SendFill(at)),
            Flight::Filling(_) => steps.push(Step::Fill(at)),
            Flight::Found { .. } | Flight::Filled { .. } => steps.push(Step::Reply(at)),
        }
        steps.extend([Step::Lose(at), Step::Board(at)]);
    }
}

impl<W: World> Protocol for Fenced<W> {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = W::NAME;
    const LEAST_STATES: usize = 1_000_000;
    const DEFENCES: &'static [Switch<Defence>] = W::DEFENCES;
    const SPARE: &'static [Switch<Defence>] = W::SPARE;

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        let mut events = vec![
            event("a row is put", |_, step, after| {
                matches!(step, Step::Release(_)) && after.value.is_some()
            }),
            event("the last row of all is put", |_, step, after| {
                matches!(step, Step::Release(_)) && after.value == Some(3)
            }),
            event("a tainted fence puts nothing", |before, step, after| match step {
                Step::Release(at) => {
                    let writer = before.writers[at];
                    (writer.phase, writer.own) == (Phase::Committed, Fence::Tainted)
                        && after.value.is_none()
                }
                _ => false,
            }),
            event("a fence that is gone puts nothing", |before, step, after| match step {
                Step::Release(at) => {
                    let writer = before.writers[at];
                    (writer.phase, writer.own) == (Phase::Committed, Fence::None)
                        && writer.answered
                        && after.value.is_none()
                }
                _ => false,
            }),
            event("a fill is accepted", |before, step, after| {
                matches!(step, Step::Fill(_)) && before.lease != after.lease
            }),
            event("a fill is refused", |before, step, after| {
                matches!(step, Step::Fill(_)) && before.lease == after.lease
            }),
            event("a fill arrives under a fence", |before, step, _| {
                matches!(step, Step::Fill(_)) && before.fenced()
            }),
            event("a FENCE arrives after its RELEASE", |before, step, _| match step {
                Step::FenceLate(at) => before.writers[at].phase == Phase::Gone,
                _ => false,
            }),
            event("a COMMIT takes effect without its answer", |before, step, _| match step {
                Step::Commit(at) => before.writers[at].phase == Phase::Unsure,
                _ => false,
            }),
            event("a COMMIT takes effect after a crash", |before, step, _| match step {
                Step::Commit(at) => before.writers[at].phase == Phase::Orphaned,
                _ => false,
            }),
            event("who came too late is sent on", |before, step, after| match step {
                Step::Reply(at) => before.flights[at].has_late() && !after.stale,
                _ => false,
            }),
        ];
        events.extend(W::events());
        events
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self { defences, world: PhantomData }
    }

    fn start(&self) -> Vec<State> {
        let bound = |(writers, readers)| State {
            row: 0,
            acknowledged: 0,
            value: None,
            lease: None,
            writers: std::array::from_fn(
                |at| if at < writers { Writer::IDLE } else { Writer::GONE },
            ),
            flights: [Flight::Grounded; 2],
            readers,
            stale: false,
        };
        BOUNDS.map(bound).into()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for at in 0..state.writers.len() {
            self.writer_steps(state, at, steps);
        }
        for at in 0..state.readers {
            Self::flight_steps(state, at, steps);
        }
        // A hit needs no step: what is there is judged in every state. Nor does a read past the
        // cache, which gives what the database holds.
        let blocked = self.stands(FenceBlocksLease) && state.fenced();
        let free = (0..state.readers).find(|at| state.may_take_off(*at));
        if let Some(at) = free.filter(|_| !blocked) {
            if state.value.is_none() && state.lease.is_none() {
                steps.push(Step::Lease(at));
            }
            steps.push(Step::ForceLease(at));
        }
        steps.extend([Step::Invalidate, Step::LoseValue, Step::LoseLease]);
        if !W::STRICT {
            steps.push(Step::FlushAll);
        }
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Lock(at) => next.writers[at].lock(state.row + 1),
            Step::Fence(at) => {
                self.fence(&mut next, at, false);
                next.writers[at].fence_answered();
            }
            Step::FenceUnanswered(at) => next.writers[at].early = Early::UnderWay,
            Step::FenceLate(at) => self.fence(&mut next, at, true),
            Step::FenceExpires(at) => next.writers[at].own = Fence::None,
            Step::EarlyFenceExpires(at) => next.writers[at].early = Early::None,
            Step::Renew(at) => next.writers[at].own = Fence::Stands,
            Step::Commit(at) => {
                next.row = state.writers[at].row;
                next.writers[at].end(Phase::Committed);
            }
            Step::Abort(at) => next.writers[at].end(Phase::RolledBack),
            Step::CommitUnanswered(at) => next.writers[at].phase = Phase::Unsure,
            Step::Rollback(at) => next.writers[at].phase = Phase::RolledBack,
            Step::Release(at) => self.release(&mut next, at),
            Step::Crash(at) => next.writers[at].crash(),
            Step::Lease(at) | Step::ForceLease(at) => {
                next.lease = Some(at as u8);
                next.flights[at] = Flight::Leased { token: at as u8 };
            }
            Step::Read(at) => {
                let cargo = Cargo { token: at as u8, row: state.row, age: 0, late: false };
                next.flights[at] = Flight::Read(cargo);
            }
            Step::SendFill(at) => {
                if let Flight::Read(cargo) = state.flights[at] {
                    next.flights[at] = Flight::Filling(cargo);
                }
            }
            Step::Fill(at) => self.fill(&mut next, at),
            Step::Reply(at) => next.stale |= next.flights[at].land(self.joins()),
            Step::Board(at) => {
                next.stale |= next.flights[at].board(Self::floor(state), self.joins());
            }
            Step::Lose(at) => next.flights[at] = Flight::Grounded,
            Step::Invalidate => self.remove(&mut next),
            Step::LoseValue => next.value = None,
            Step::LoseLease => next.lease = None,
            Step::FlushAll => {
                (next.value, next.lease) = (None, None);
                next.writers.iter_mut().for_each(Writer::forget_fences);
            }
        }
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        match state.value {
            _ if state.stale => Some("a caller shares a row that is too old"),
            // What the taint is for. Without some defence it may fail where nothing comes of it.
            _ if self.defences.all_stand() && state.meet_untainted() => {
                Some("a fence that is not tainted stands beside another")
            }
            Some(value) if value > state.row => Some("a hit was never committed"),
            Some(value) if value < Self::floor(state) && W::STRICT => {
                Some("a hit is older than what the database has shown")
            }
            Some(value) if value < Self::floor(state) => {
                Some("a hit is older than an acknowledged write")
            }
            _ => None,
        }
    }
}
