//! Contract skew: programs that do not know the same kinds of entries over one table.
//!
//! Two processes know a kind, serve its entries and write the table; a third writes it and knows
//! nothing of the kind, as an old program in a deploy. It comes, goes, hangs, is taken for dead. Each
//! registers in the database; the two read there, at each beat, whether the kind may be served and in which
//! generation its entries are named.
//!
//! A write's commit and the removal of what it knows of are one step here, as fences make them; so are a
//! miss's read and its fill, as whatever comes between removes the lease where it would remove the value, or
//! neither. The promise is that nobody serves an entry but the row that the database holds.

pub mod registry;

use self::registry::{Beat, Kind, Process, State, Transaction, VERSIONS, Who};
use crate::protocol::{Defences, Event, Protocol, Switch, event, switch};

/// The registry of contracts.
pub struct Skew(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    AllKnow,
    WaitForViews,
    HeldRegistration,
    ViewExpires,
    NewGeneration,
    SeenGeneration,
    SettledView,
    RegisteredInTime,
    FreshFromBefore,
}
use Defence::*;
use Who::{Knowing, Stranger};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    /// It registers; the stranger withdraws the kind.
    Join(Who),
    /// All others have seen that: the stranger may write.
    Ready,
    /// The stranger says goodbye.
    Leave,
    /// The lease is renewed, what was seen is said, the registry is read.
    Beat(usize),
    /// It reads and writes by that from now on.
    Adopt(usize),
    /// Its view is too old.
    ViewEnds(usize),
    /// What it has read is too old.
    BeatEnds(usize),
    LeaseEnds(Who),
    /// Another removes it.
    Reap(Who),
    /// The kind is offered anew.
    Offer,
    Begin(Who),
    /// The registration is looked at, and held.
    Hold(Who),
    Commit(Who),
    Rollback(Who),
    /// A miss of the entry's name in this generation, read and filled.
    Fill(u8),
}

impl Skew {
    fn stands(&self, defence: Defence) -> bool {
        self.0.stands(defence)
    }

    /// The generation in which this process serves.
    fn served(&self, process: &Process) -> Option<u8> {
        let fresh = process.fresh || !self.stands(ViewExpires);
        (process.serves && fresh).then_some(process.generation)
    }

    fn join(&self, state: &mut State, who: Who) {
        state.version += 1;
        let version = state.version;
        let transaction = state.process(who).transaction;
        let mut joined = Process {
            registered: true,
            said: version,
            seen: version,
            transaction,
            ..Process::GONE
        };
        if who == Stranger {
            if state.kind.withdrawn == 0 && self.stands(AllKnow) {
                state.kind.withdrawn = version;
            }
            joined.seen = state.kind.withdrawn;
        }
        *state.process_mut(who) = joined;
    }

    fn beat(&self, state: &mut State, at: usize) {
        let process = &mut state.knowing[at];
        if !process.registered {
            *process = Process { transaction: process.transaction, ..Process::GONE };
            return;
        }
        process.over = false;
        process.said = process.seen;
        let Kind { generation, since, withdrawn } = state.kind;
        let seen = state.all_have_seen(since) || !self.stands(SeenGeneration);
        state.knowing[at].beat = Some(Beat {
            version: state.version,
            generation,
            serves: withdrawn == 0 && seen,
            fresh: true,
        });
    }

    fn adopt(&self, process: &mut Process) {
        let Some(beat) = process.beat.take() else { return };
        let old = |transaction: Transaction| {
            transaction.valid && transaction.generation != beat.generation
        };
        if !process.transaction.is_some_and(old) || !self.stands(SettledView) {
            process.seen = beat.version;
        }
        process.generation = beat.generation;
        (process.serves, process.writes) = (beat.serves, true);
        process.fresh = beat.fresh || !self.stands(FreshFromBefore);
    }

    fn offer(&self, state: &mut State) {
        state.version += 1;
        let generation = match self.stands(NewGeneration) {
            true => state.version,
            false => state.kind.generation,
        };
        state.kind = Kind { generation, since: state.version, withdrawn: 0 };
    }

    /// What a writer knows of goes with its commit.
    fn commit(state: &mut State, who: Who) {
        let Some(transaction) = state.process_mut(who).transaction.take() else { return };
        state.row += 1;
        if who != Stranger {
            state.values[usize::from(transaction.generation)] = None;
        }
    }

    fn registry_steps(&self, state: &State, who: Who, steps: &mut Vec<Step>) {
        let process = state.process(who);
        // It goes on by its view, if it does not know that it was removed.
        let unknowing = process.writes && who != Stranger;
        if !process.registered && !unknowing && state.version < VERSIONS {
            steps.push(Step::Join(who));
        }
        let aged = !process.fresh && !process.beat.is_some_and(|beat| beat.fresh);
        if process.registered && !process.over && aged {
            steps.push(Step::LeaseEnds(who));
        }
        let over = process.over || !self.stands(HeldRegistration);
        if process.registered && over && !process.is_held() {
            steps.push(Step::Reap(who));
        }
        if let Knowing(at) = who {
            match process.beat {
                _ if process.fresh => steps.push(Step::ViewEnds(at)),
                Some(beat) if beat.fresh => steps.push(Step::BeatEnds(at)),
                _ => {}
            }
            match process.beat {
                Some(_) => steps.push(Step::Adopt(at)),
                None if process.registered || process.writes => steps.push(Step::Beat(at)),
                None => {}
            }
        }
    }

    fn writer_steps(&self, state: &State, who: Who, steps: &mut Vec<Step>) {
        let process = state.process(who);
        match process.transaction {
            None if process.registered && process.writes && state.may_begin() => {
                steps.push(Step::Begin(who));
            }
            None => {}
            Some(transaction) => {
                if transaction.locked || !self.stands(RegisteredInTime) {
                    steps.push(Step::Commit(who));
                } else if transaction.valid {
                    steps.push(Step::Hold(who));
                }
                steps.push(Step::Rollback(who));
            }
        }
    }
}

impl Protocol for Skew {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "skew";
    const LEAST_STATES: usize = 800_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(AllKnow, "all-know", &[43]),
        switch(WaitForViews, "wait-for-views", &[43]),
        switch(HeldRegistration, "held-registration", &[43]),
        switch(ViewExpires, "view-expires", &[43]),
        switch(NewGeneration, "new-generation", &[43]),
        switch(SeenGeneration, "seen-generation", &[43]),
        switch(SettledView, "settled-view", &[43]),
        switch(RegisteredInTime, "registered-in-time", &[43]),
        switch(FreshFromBefore, "fresh-from-before", &[43]),
    ];

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        vec![
            event("an entry is filled in a new generation", |_, step, after| {
                matches!(step, Step::Fill(_)) && after.values[1..].iter().any(Option::is_some)
            }),
            event("an entry of before is left behind", |before, step, after| {
                step == Step::Commit(Stranger)
                    && before.values[0].is_some_and(|row| row < after.row)
            }),
            event("a write removes what its process knows", |before, step, after| {
                matches!(step, Step::Commit(Knowing(_))) && before.values != after.values
            }),
            event("the stranger waits for a process that hangs", |before, step, _| {
                matches!(step, Step::Reap(Knowing(_))) && before.stranger.registered
            }),
            event("the stranger is taken for dead in the middle of a write", |before, step, _| {
                step == Step::Reap(Stranger) && before.stranger.transaction.is_some()
            }),
            event("a transaction outlives the generation that it began in", |before, step, _| {
                match step {
                    Step::Commit(Knowing(at)) => {
                        let process = &before.knowing[at];
                        process.transaction.is_some_and(|it| it.generation < process.generation)
                    }
                    _ => false,
                }
            }),
            event("a process that was taken for dead is told", |before, step, _| match step {
                Step::Beat(at) => !before.knowing[at].registered,
                _ => false,
            }),
            event(
                "a beat is adopted when it is too old to serve by",
                |before, step, _| match step {
                    Step::Adopt(at) => before.knowing[at].beat.is_some_and(|beat| !beat.fresh),
                    _ => false,
                },
            ),
            event("the stranger comes again", |before, step, _| {
                step == Step::Join(Stranger) && before.kind.generation > 0
            }),
            event("the kind is served anew by both", |_, _, after| {
                after.knowing.iter().all(|it| it.serves && it.fresh && it.generation > 0)
            }),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        vec![State {
            version: 1,
            kind: Kind { generation: 0, since: 1, withdrawn: 0 },
            row: 0,
            values: [None; VERSIONS as usize + 1],
            knowing: [Process::LIVE; 2],
            stranger: Process::GONE,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        // The last write is over, and has left nothing old behind.
        if !state.is_at_risk() {
            return;
        }
        for who in [Knowing(0), Knowing(1), Stranger] {
            self.registry_steps(state, who, steps);
            self.writer_steps(state, who, steps);
        }
        let Process { registered, writes, seen: wait_for, .. } = state.stranger;
        if registered && !writes && (state.all_have_seen(wait_for) || !self.stands(WaitForViews)) {
            steps.push(Step::Ready);
        }
        if registered && !state.stranger.is_held() {
            steps.push(Step::Leave);
        }
        let withdrawn = state.kind.withdrawn;
        let live = state.knowing.iter().any(|process| process.registered);
        if withdrawn > 0
            && live
            && !registered
            && state.all_have_seen(withdrawn)
            && state.version < VERSIONS
        {
            steps.push(Step::Offer);
        }
        let mut served: Vec<u8> =
            state.knowing.iter().filter_map(|process| self.served(process)).collect();
        served.dedup();
        let missed = |generation: &u8| state.values[usize::from(*generation)].is_none();
        steps.extend(served.into_iter().filter(missed).map(Step::Fill));
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Join(who) => self.join(&mut next, who),
            Step::Ready => next.stranger.writes = true,
            Step::Leave | Step::Reap(Stranger) => {
                next.stranger.remove();
                let transaction = next.stranger.transaction;
                next.stranger = Process { transaction, ..Process::GONE };
            }
            Step::Beat(at) => self.beat(&mut next, at),
            Step::Adopt(at) => self.adopt(&mut next.knowing[at]),
            Step::ViewEnds(at) => next.knowing[at].fresh = false,
            Step::BeatEnds(at) => {
                if let Some(beat) = &mut next.knowing[at].beat {
                    beat.fresh = false;
                }
            }
            Step::LeaseEnds(who) => next.process_mut(who).over = true,
            Step::Reap(who) => next.process_mut(who).remove(),
            Step::Offer => self.offer(&mut next),
            Step::Begin(who) => {
                let generation = state.process(who).generation;
                next.process_mut(who).transaction =
                    Some(Transaction { generation, valid: true, locked: false });
            }
            Step::Hold(who) => {
                if let Some(transaction) = &mut next.process_mut(who).transaction {
                    transaction.locked = true;
                }
            }
            Step::Commit(who) => Self::commit(&mut next, who),
            Step::Rollback(who) => next.process_mut(who).transaction = None,
            Step::Fill(generation) => {
                next.values[usize::from(generation)] = Some(state.row);
            }
        }
        next.forget();
        // They are alike.
        next.knowing.sort_unstable();
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        let stale = |process: &Process| {
            let value = self.served(process).and_then(|it| state.values[usize::from(it)]);
            value.is_some_and(|row| row < state.row)
        };
        state
            .knowing
            .iter()
            .any(stale)
            .then_some("an entry is served that a writer did not know of")
    }
}
