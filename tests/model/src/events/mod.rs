//! Domain events: a consumer reads what others tell of their changes, removes what that concerns, and
//! acknowledges.
//!
//! The changes are made past the cache, and each is told of by an event, ahead of its commit or any time
//! after it, or by a table in the same transaction. Two consumers share a source. It delivers at least once
//! and in any order; a stream may be trimmed, which it tells. One event may be such as nobody can read.
//!
//! Two promises. When nobody will hear of a change again, nothing is hit that is older. And from the moment
//! at which somebody has taken an event up, unless he dies, nothing that it names is hit that is older than
//! its change, once that has committed.

pub mod state;

use self::state::{ALL, CHANGES, Entry, NAMED, Phase, Reader, State, Work, bit, events};
use crate::protocol::{self, Defences, Protocol, Switch, switch};
use state::Event;

/// The consumer of events.
pub struct Events(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    OutrunFence,
    OutrunAgain,
    AcknowledgeLast,
    VoidParked,
    VoidGap,
    GapToldAgain,
    GapClosedAsRead,
    RememberApplied,
    EventsNeverPut,
    InvalidateLease,
}
use Defence::*;

/// What can happen. The numbers are those of consumers, and of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Commit,
    Send(u8),
    /// Once more, under the same name.
    SendAgain(u8),
    /// The stream is trimmed: one event goes that is not acknowledged.
    Trim(u8),
    Read(usize, u8),
    /// An event that somebody else has read, who is slow or dead.
    Claim(usize, u8),
    /// An event comes again to a consumer that remembers it: it is acknowledged.
    Repeat(usize, u8),
    ReadGap(usize),
    /// What the events concern is removed, and fenced if they may be ahead.
    Remove(usize),
    /// They cannot be ahead any longer: the fence is lifted.
    Lift(usize),
    /// The same is removed, and what the database tells now.
    RemoveAgain(usize),
    Acknowledge(usize),
    Die(usize),
    FenceExpires(usize),
    /// A miss, and what it reads.
    Load(usize),
    Fill,
    LoseRead,
    LoseValue(usize),
}

impl Events {
    fn stands(&self, defence: Defence) -> bool {
        self.0.stands(defence)
    }

    /// The entries that this work concerns, as far as can be told now.
    fn concerned(&self, state: &State, work: Work) -> u8 {
        let poison = state.poison.is_some_and(|event| work.events & bit(event) != 0);
        match () {
            () if work.gap && self.stands(VoidGap) => ALL,
            () if work.gap => 0,
            () if poison && self.stands(VoidParked) => ALL,
            () if poison => 0,
            () if events(work.events).all(|event| event <= state.row) => ALL,
            () => NAMED,
        }
    }

    fn begin(&self, state: &mut State, at: usize, events: u8, gap: bool) {
        state.consumers[at].work = Some(Work { events, gap, phase: Phase::Read });
        if !self.stands(RememberApplied) && !gap {
            state.consumers[at].recent |= events;
        }
        if !self.stands(AcknowledgeLast) && !gap {
            Self::done(state, events);
        }
    }

    fn remove(&self, state: &mut State, at: usize) {
        let Some(work) = state.consumers[at].work else { return };
        let entries = self.concerned(state, work);
        state.remove(entries, self.stands(InvalidateLease));
        let ahead = !state.table;
        if ahead && self.stands(OutrunFence) {
            state.consumers[at].fence = entries;
        }
        let phase = if ahead { Phase::Removed } else { Phase::Again };
        state.consumers[at].work = Some(Work { phase, ..work });
    }

    fn lift(&self, state: &mut State, at: usize) {
        let Some(work) = state.consumers[at].work else { return };
        let fence = std::mem::take(&mut state.consumers[at].fence);
        state.remove(fence, self.stands(InvalidateLease));
        let phase = if self.stands(OutrunAgain) { Phase::Over } else { Phase::Again };
        state.consumers[at].work = Some(Work { phase, ..work });
    }

    fn remove_again(&self, state: &mut State, at: usize) {
        let Some(work) = state.consumers[at].work else { return };
        state.remove(self.concerned(state, work), self.stands(InvalidateLease));
        if !self.stands(EventsNeverPut) && !work.gap {
            state.entries[0].value = events(work.events).last();
        }
        state.consumers[at].work = Some(Work { phase: Phase::Again, ..work });
    }

    fn acknowledge(&self, state: &mut State, at: usize) {
        let Some(work) = state.consumers[at].work.take() else { return };
        if work.gap {
            state.gap &= if self.stands(GapClosedAsRead) { !work.events } else { 0 };
        } else {
            Self::done(state, work.events);
            state.consumers[at].recent |= work.events;
        }
    }

    /// What was trimmed meanwhile stays lost.
    fn done(state: &mut State, of: u8) {
        state.heard |= of;
        for event in events(of) {
            if state.event(event) != Event::Lost {
                *state.event_mut(event) = Event::Done;
            }
        }
    }

    fn source_steps(&self, state: &State, steps: &mut Vec<Step>) {
        if state.row < CHANGES {
            steps.push(Step::Commit);
        }
        for event in 1..=CHANGES {
            match state.event(event) {
                Event::Unsent if !state.table => steps.push(Step::Send(event)),
                Event::Waiting | Event::Pending if !state.table => steps.push(Step::Trim(event)),
                Event::Done if !state.table => steps.push(Step::SendAgain(event)),
                _ => {}
            }
        }
    }

    fn consumer_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let consumer = state.consumers[at];
        for event in 1..=CHANGES {
            let there = state.event(event);
            if matches!(there, Event::Waiting | Event::Pending) && consumer.recent & bit(event) != 0
            {
                steps.push(Step::Repeat(at, event));
            } else if there == Event::Waiting && consumer.work.is_none() {
                steps.push(Step::Read(at, event));
            } else if there == Event::Pending && consumer.work.is_none() {
                steps.push(Step::Claim(at, event));
            }
        }
        let Some(work) = consumer.work else {
            if state.gap != 0 {
                steps.push(Step::ReadGap(at));
            }
            if consumer.fence != 0 {
                steps.push(Step::FenceExpires(at));
            }
            return;
        };
        match work.phase {
            Phase::Read => steps.push(Step::Remove(at)),
            // By then what it told of has committed: that is what the source says of itself.
            Phase::Removed if events(work.events).all(|event| event <= state.row) => {
                steps.push(Step::Lift(at));
            }
            Phase::Removed => {}
            Phase::Over => steps.push(Step::RemoveAgain(at)),
            Phase::Again => steps.push(Step::Acknowledge(at)),
        }
        steps.push(Step::Die(at));
    }
}

impl Protocol for Events {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "events";
    const LEAST_STATES: usize = 500_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(OutrunFence, "outrun-fence", &[4]),
        switch(OutrunAgain, "outrun-again", &[4]),
        switch(AcknowledgeLast, "acknowledge-last", &[4]),
        switch(VoidParked, "void-parked", &[4]),
        switch(VoidGap, "void-gap", &[4]),
        switch(GapToldAgain, "gap-told-again", &[4]),
        switch(GapClosedAsRead, "gap-closed-as-read", &[4]),
        switch(RememberApplied, "remember-applied", &[4]),
        switch(EventsNeverPut, "events-never-put", &[26]),
        switch(InvalidateLease, "invalidate-lease", &[1]),
    ];

    fn events() -> Vec<protocol::Event<Self>> {
        let event = protocol::event::<Self>;
        vec![
            event("an event is taken up ahead of its commit", |before, step, after| match step {
                Step::Remove(at) => {
                    before.row == 0
                        && before.entries[0].value.is_some()
                        && after.consumers[at].fence == NAMED
                }
                _ => false,
            }),
            event("an event comes after a later one was applied", |before, step, _| {
                matches!(step, Step::Read(_, 1)) && before.event(2) == Event::Done
            }),
            event(
                "two work at one event",
                |before, step, _| matches!(step, Step::Claim(_, event) if before.consumers.iter().any(|it| it.has_taken_up(event))),
            ),
            event("a dead consumer's event is applied", |before, step, _| match step {
                Step::Claim(_, event) => {
                    let works = |work: Work| work.events & bit(event) != 0;
                    !before.consumers.iter().any(|consumer| consumer.work.is_some_and(works))
                }
                _ => false,
            }),
            event("an event is known to be repeated", |_, step, _| {
                matches!(step, Step::Repeat(..))
            }),
            event("what nobody can read makes the table void", |before, step, after| {
                let void = after.consumers.iter().any(|consumer| consumer.fence == ALL);
                matches!(step, Step::Remove(_))
                    && before.row == 0
                    && before.poison.is_some()
                    && void
            }),
            event("an event is lost while a gap is being closed", |before, step, _| {
                let closing = |work: Work| work.gap;
                let closes = before.consumers.iter().any(|it| it.work.is_some_and(closing));
                matches!(step, Step::Trim(_)) && closes
            }),
            event("a gap is told again when its reader has died", |before, step, _| match step {
                Step::Die(at) => before.consumers[at].work.is_some_and(|work| work.gap),
                _ => false,
            }),
            event("a fill is refused", |before, step, after| {
                step == Step::Fill && before.entries == after.entries
            }),
            event("a table's event is applied", |before, step, _| {
                before.table && matches!(step, Step::Acknowledge(_))
            }),
            event("all is over, and both entries are there", |_, step, after| {
                let there = after.entries.iter().all(|entry| entry.value == Some(CHANGES));
                step == Step::Fill && there && (1..=CHANGES).all(|event| after.is_over(event))
            }),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        [false, true]
            .into_iter()
            .flat_map(|table| [None, Some(1)].map(|it| State::new(table, it)))
            .collect()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.source_steps(state, steps);
        (0..state.consumers.len()).for_each(|at| self.consumer_steps(state, at, steps));
        for (at, entry) in state.entries.iter().enumerate() {
            // The reader is the only one, so its lease is known by being there.
            if state.reader.is_none() && entry.value.is_none() && !entry.leased && !state.fenced(at)
            {
                steps.push(Step::Load(at));
            }
            if entry.value.is_some() {
                steps.push(Step::LoseValue(at));
            }
        }
        if state.reader.is_some() {
            steps.extend([Step::Fill, Step::LoseRead]);
        }
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Commit => {
                next.row += 1;
                if state.table {
                    *next.event_mut(state.row + 1) = Event::Waiting;
                }
            }
            Step::Send(event) | Step::SendAgain(event) => *next.event_mut(event) = Event::Waiting,
            Step::Trim(event) => {
                *next.event_mut(event) = Event::Lost;
                next.gap |= bit(event);
            }
            Step::Read(at, event) | Step::Claim(at, event) => {
                *next.event_mut(event) = Event::Pending;
                self.begin(&mut next, at, bit(event), false);
            }
            Step::Repeat(_, event) => Self::done(&mut next, bit(event)),
            Step::ReadGap(at) => {
                self.begin(&mut next, at, state.gap, true);
                if !self.stands(GapToldAgain) {
                    next.gap = 0;
                }
            }
            Step::Remove(at) => self.remove(&mut next, at),
            Step::Lift(at) => self.lift(&mut next, at),
            Step::RemoveAgain(at) => self.remove_again(&mut next, at),
            Step::Acknowledge(at) => self.acknowledge(&mut next, at),
            Step::Die(at) => {
                next.consumers[at].work = None;
                next.consumers[at].recent = 0;
            }
            Step::FenceExpires(at) => next.consumers[at].fence = 0,
            Step::Load(entry) => {
                next.entries[entry].leased = true;
                next.reader = Some(Reader { entry, row: state.row });
            }
            Step::Fill => {
                if let Some(Reader { entry, row }) = next.reader.take()
                    && state.entries[entry].leased
                {
                    next.entries[entry] = Entry { value: Some(row), leased: false };
                }
            }
            Step::LoseRead => {
                if let Some(Reader { entry, .. }) = next.reader.take() {
                    next.entries[entry].leased = false;
                }
            }
            Step::LoseValue(entry) => next.entries[entry].value = None,
        }
        // They are alike.
        next.consumers.sort_unstable();
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        for event in 1..=state.row {
            let old = |entry: &Entry| entry.value.is_some_and(|row| row < event);
            if state.is_over(event) && state.entries.iter().any(old) {
                return Some("a hit is older than a change of which nobody will hear again");
            }
            let taken_up = state.consumers.iter().any(|consumer| consumer.has_taken_up(event));
            if taken_up && old(&state.entries[0]) {
                return Some("a hit is older than a change whose event was taken up");
            }
        }
        None
    }
}
