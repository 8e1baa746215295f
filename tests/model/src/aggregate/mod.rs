//! Aggregates: an entry that holds a root with all of its members, read by one statement each.
//!
//! There are two roots and one member, which is changed, moved, deleted, inserted again; a root is written
//! alone or with the member. Nothing is put here: a write removes the wholes that its rows are parts of, as
//! they were and as they are. The fence is as in [`fenced`](crate::fenced), needed or a courtesy.
//!
//! Rows have the number of the commit that wrote them last. A whole is *torn* if its members are from before
//! a commit that its root shows. The promises: no whole is torn, cached or not; where it is strict, the store
//! has nothing but what the database says; else nothing older than an acknowledged write.

pub mod rows;

use self::rows::{Entry, Phase, Reader, State, Whole, Write, Writer, bit};
use crate::protocol::{Defences, Event, Protocol, Switch, event, switch};

/// How many writes commit.
const COMMITS: u8 = 2;

/// Roots with their members.
pub struct Aggregate(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    RootFirst,
    TouchWhole,
    AsItWas,
    AsItIs,
    LookedUnderLock,
    FenceFirst,
    InvalidateLease,
}
use Defence::*;

/// What can happen. The numbers are those of writers, or of roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    /// Defence off: the member's row is read before it is locked.
    Look(usize, Write),
    State(usize, Write),
    Rollback(usize),
    Fence(usize),
    Commit(usize),
    /// The entries are removed, the write is acknowledged.
    Lift(usize),
    Crash(usize),
    FenceExpires(usize),
    Miss(usize),
    /// The one statement, then the other.
    ReadOne,
    ReadOther,
    Fill,
    LoseRead,
    LoseValue(usize),
    LoseLease(usize),
}

impl Aggregate {
    fn stands(&self, defence: Defence) -> bool {
        self.0.stands(defence)
    }

    /// The statement. `was` is where the member was when it was looked at.
    fn state(&self, state: &mut State, at: usize, write: Write, was: Option<usize>) {
        // Its key tells where it is, not where it was.
        let is = match write {
            Write::Move(to) => to,
            _ => state.member,
        };
        let was = if self.stands(AsItWas) { bit(was) } else { 0 };
        let is = if self.stands(AsItIs) { bit(is) } else { 0 };
        let members = if self.stands(TouchWhole) { was | is } else { 0 };
        let writer = &mut state.writers[at];
        writer.touched = match write {
            Write::Root(root) => bit(Some(root)),
            Write::Both(root) => bit(Some(root)) | members,
            _ => members,
        };
        writer.phase = Phase::Stated { write };
    }

    fn remove(&self, state: &mut State, touched: u8) {
        for (of, entry) in state.entries.iter_mut().enumerate() {
            if touched >> of & 1 == 1 {
                entry.value = None;
                entry.leased &= !self.stands(InvalidateLease);
            }
        }
    }

    fn fence(&self, state: &mut State, at: usize) {
        let touched = state.writers[at].touched;
        self.remove(state, touched);
        state.writers[at].fences = touched;
        if let Phase::Stated { write } = state.writers[at].phase {
            state.writers[at].phase = Phase::Fenced { write };
        }
    }

    fn commit(state: &mut State, at: usize) {
        let Some(write) = state.writers[at].locks() else { return };
        state.commits += 1;
        let number = state.commits;
        let mut wrote = [Whole::default(); 2];
        if write.is_of_member() {
            let is = if let Write::Move(to) = write { to } else { state.member };
            for root in [state.member, is].into_iter().flatten() {
                state.wholes[root].members = number;
                wrote[root].members = number;
            }
            state.member = is;
        }
        if let Write::Root(root) | Write::Both(root) = write {
            state.wholes[root].root = number;
            state.under[root] = state.wholes[root].members;
            wrote[root].root = number;
        }
        state.writers[at].phase = Phase::Committed { wrote };
    }

    fn lift(&self, state: &mut State, at: usize) {
        let writer = state.writers[at];
        self.remove(state, writer.touched);
        if let Phase::Committed { wrote } = writer.phase {
            for (known, wrote) in state.acknowledged.iter_mut().zip(wrote) {
                known.root = known.root.max(wrote.root);
                known.members = known.members.max(wrote.members);
            }
        }
        state.writers[at] = Writer::IDLE;
    }

    fn read(&self, state: &mut State) {
        let Reader::Half { of, fills, one, under } = state.reader else { return };
        let now = state.wholes[of];
        let (whole, under) = match self.stands(RootFirst) {
            true => (Whole { root: one, members: now.members }, under),
            false => (Whole { root: now.root, members: one }, state.under[of]),
        };
        state.torn |= whole.members < under;
        state.reader = if fills { Reader::Read { of, whole } } else { Reader::Idle };
    }

    fn writer_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let writer = state.writers[at];
        match writer.phase {
            Phase::Idle => {
                let free = |writer: &Writer| *writer == Writer::IDLE;
                // They are alike, so that the first who is free may begin.
                if state.writers.iter().position(free) != Some(at) || state.commits >= COMMITS {
                    return;
                }
                for write in state.writes() {
                    if !self.stands(LookedUnderLock) && write.is_of_member() {
                        steps.push(Step::Look(at, write));
                    } else if state.is_free(write) {
                        steps.push(Step::State(at, write));
                    }
                }
                return;
            }
            Phase::Looked { write, .. } if state.is_free(write) => {
                steps.push(Step::State(at, write))
            }
            Phase::Looked { .. } => {}
            Phase::Stated { .. } => {
                steps.push(Step::Fence(at));
                if state.courtesy || !self.stands(FenceFirst) {
                    steps.push(Step::Commit(at));
                }
            }
            Phase::Fenced { .. } => steps.push(Step::Commit(at)),
            Phase::Committed { .. } => steps.extend([Step::Lift(at), Step::Crash(at)]),
        }
        if !matches!(writer.phase, Phase::Committed { .. }) {
            steps.push(Step::Rollback(at));
        }
    }
}

impl Protocol for Aggregate {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "aggregate";
    const LEAST_STATES: usize = 300_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(RootFirst, "root-first", &[27]),
        switch(TouchWhole, "touch-whole", &[27]),
        switch(AsItWas, "as-it-was", &[27]),
        switch(AsItIs, "as-it-is", &[27]),
        switch(LookedUnderLock, "looked-under-lock", &[27]),
        switch(FenceFirst, "fence-first", &[7]),
        switch(InvalidateLease, "invalidate-lease", &[1]),
    ];

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        vec![
            event("a whole is filled", |_, step, after| {
                step == Step::Fill && after.entries.iter().any(|entry| entry.value.is_some())
            }),
            event("a fill is refused", |before, step, after| {
                step == Step::Fill && before.entries == after.entries
            }),
            event("members are newer than their root in a whole", |before, step, after| {
                let Reader::Half { of, .. } = before.reader else { return false };
                step == Step::ReadOther
                    && matches!(after.reader, Reader::Read { whole, .. }
                        if whole.root < before.under[of] && whole.members >= before.under[of])
            }),
            event("a reader goes past the cache, under a fence", |before, step, after| {
                matches!(step, Step::Miss(_))
                    && matches!(after.reader, Reader::Began { of, fills: false } if before.fenced(of))
            }),
            event("a member that moves takes both wholes with it", |before, step, after| {
                matches!(step, Step::Fence(_))
                    && before.entries.iter().all(|entry| entry.value.is_some())
                    && after.entries.iter().all(|entry| entry.value.is_none())
            }),
            event("a member comes back", |before, step, after| {
                matches!(step, Step::Commit(_)) && before.member.is_none() && after.member.is_some()
            }),
            event(
                "a write dies between commit and removal",
                |before, step, _| matches!(step, Step::Crash(at) if before.courtesy && before.writers[at].fences == 0),
            ),
            event("all is acknowledged", |_, step, after| {
                matches!(step, Step::Lift(_))
                    && after.commits == COMMITS
                    && after.acknowledged == after.wholes
            }),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        let start = |courtesy| State {
            courtesy,
            commits: 0,
            wholes: [Whole::default(); 2],
            under: [0; 2],
            member: Some(0),
            acknowledged: [Whole::default(); 2],
            entries: [Entry::default(); 2],
            writers: [Writer::IDLE; 2],
            reader: Reader::Idle,
            torn: false,
        };
        vec![start(false), start(true)]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for at in 0..state.writers.len() {
            self.writer_steps(state, at, steps);
            let writer = state.writers[at];
            // Until COMMIT has ended a fence that is needed is renewed.
            let kept = !state.courtesy && matches!(writer.phase, Phase::Fenced { .. });
            if writer.fences != 0 && !kept {
                steps.push(Step::FenceExpires(at));
            }
        }
        for (of, entry) in state.entries.iter().enumerate() {
            // A lease of this reader's is nowhere else.
            if state.reader == Reader::Idle && entry.value.is_none() && !entry.leased {
                steps.push(Step::Miss(of));
            }
            if entry.value.is_some() {
                steps.push(Step::LoseValue(of));
            }
            if entry.leased {
                steps.push(Step::LoseLease(of));
            }
        }
        match state.reader {
            Reader::Idle => return,
            Reader::Began { .. } => steps.push(Step::ReadOne),
            Reader::Half { .. } => steps.push(Step::ReadOther),
            Reader::Read { .. } => steps.push(Step::Fill),
        }
        steps.push(Step::LoseRead);
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Look(at, write) => {
                next.writers[at].phase = Phase::Looked { write, was: state.member };
            }
            Step::State(at, write) => {
                let was = match state.writers[at].phase {
                    Phase::Looked { was, .. } => was,
                    _ => state.member,
                };
                self.state(&mut next, at, write, was);
            }
            Step::Fence(at) => self.fence(&mut next, at),
            Step::Commit(at) => Self::commit(&mut next, at),
            Step::Lift(at) => self.lift(&mut next, at),
            Step::Rollback(at) | Step::Crash(at) => next.writers[at].leave(),
            Step::FenceExpires(at) => next.writers[at].fences = 0,
            Step::Miss(of) => {
                let fills = !state.fenced(of);
                next.entries[of].leased = fills;
                next.reader = Reader::Began { of, fills };
            }
            Step::ReadOne => {
                if let Reader::Began { of, fills } = state.reader {
                    let Whole { root, members } = state.wholes[of];
                    let one = if self.stands(RootFirst) { root } else { members };
                    next.reader = Reader::Half { of, fills, one, under: state.under[of] };
                }
            }
            Step::ReadOther => self.read(&mut next),
            Step::Fill => {
                if let Reader::Read { of, whole } = state.reader
                    && state.entries[of].leased
                {
                    next.entries[of] = Entry { value: Some(whole), leased: false };
                }
                next.reader = Reader::Idle;
            }
            Step::LoseRead => next.reader = Reader::Idle,
            Step::LoseValue(of) => next.entries[of].value = None,
            Step::LoseLease(of) => next.entries[of].leased = false,
        }
        // They are alike.
        next.writers.sort_unstable();
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        if state.torn {
            return Some("old members are read under a new root");
        }
        for (of, entry) in state.entries.iter().enumerate() {
            let Some(value) = entry.value else { continue };
            let known = state.acknowledged[of];
            if value.root < known.root || value.members < known.members {
                return Some("a hit is older than an acknowledged write");
            }
            if !state.courtesy && value != state.wholes[of] {
                return Some("a hit is not what the database says");
            }
        }
        None
    }
}
