//! `strict(validated)`: a hit costs a read of the row's version on the primary;
//! another version there makes it a miss.
//!
//! The store is an adversary: to every GET it may answer with anything that was
//! ever sent to it, or nothing. That holds whatever evictions, failovers and old
//! snapshots can do, and it is why there are no leases, no fences and no
//! invalidations here: a writer owes the store nothing.
//!
//! The promise is that a read returns what the row was at some moment between
//! the read's beginning and its end. "Never older than acknowledged" and "never
//! back" follow.

use crate::protocol::{Defences, Event, Protocol, Switch, event, switch};

/// Contents are numbered in the order in which they are written; 0 is no row.
const CONTENTS: u8 = 5;
const ABSENT: u8 = 0;

/// Validation by version.
pub struct Validated(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    ValidateHit,
    VersionFromPrimary,
    RowFromPrimary,
    AbsenceCheck,
    OneStatement,
    VersionCounter,
    VersionUnderLock,
    MembersBumpRoot,
    PutCommitted,
    RestoreIsAnEpoch,
}
use Defence::*;

/// What the database holds, and what an entry of the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    content: u8,
    version: u8,
    epoch: u8,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    row: Row,
    /// The highest version given so far; shared by all rows that the key ever had.
    counter: u8,
    /// The newest content.
    content: u8,
    replica: Row,
    restored: bool,
    /// What transactions that are not yet committed will write.
    open: [Option<Row>; 2],
    /// Every entry that was ever sent to the store: a bit each.
    sent: u64,
    readers: [Reader; 2],
    /// A read returned what was not there between its beginning and its end.
    stale: bool,
}

/// Where a read is. `during` has a bit for each content that was there since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Idle,
    /// The store answered with this entry.
    Hit {
        entry: Row,
        during: u8,
    },
    Missed {
        during: u8,
    },
    /// Defence off: it has the row and not yet its version.
    Half {
        content: u8,
        during: u8,
    },
}

/// What can happen. The numbers are those of readers, or of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Update,
    /// A member of the aggregate is written, not its root.
    UpdateMember,
    Delete,
    Insert,
    Commit(usize),
    Rollback(usize),
    /// The database is restored to where it began.
    Restore,
    /// The replica catches up.
    Replicate,
    /// A read begins and the store answers.
    Get(usize, Answer),
    Validate(usize),
    Load(usize),
    /// Defence off: the version in a statement of its own.
    LoadVersion(usize),
}

/// What the store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Nothing,
    Entry { content: u8, version: u8, epoch: u8 },
}

impl Row {
    const NONE: Self = Self { content: ABSENT, version: 0, epoch: 0 };
    const FIRST: Self = Self { content: 1, version: 1, epoch: 0 };

    /// Its bit in what was sent.
    fn bit(self) -> u64 {
        match self.content {
            ABSENT => 1,
            content => {
                1 << (1 + (content - 1) * 2 * CONTENTS + self.epoch * CONTENTS + self.version - 1)
            }
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let present = (1..=CONTENTS).flat_map(|content| {
            (0..=1).flat_map(move |epoch| {
                (1..=CONTENTS).map(move |version| Self { content, version, epoch })
            })
        });
        std::iter::once(Self::NONE).chain(present)
    }
}

impl State {
    /// The row changes, under the eyes of those who read.
    fn becomes(&mut self, row: Row) {
        self.row = row;
        for reader in &mut self.readers {
            match reader {
                Reader::Idle => {}
                Reader::Hit { during, .. }
                | Reader::Missed { during }
                | Reader::Half { during, .. } => *during |= 1 << row.content,
            }
        }
    }

    fn returns(&mut self, at: usize, content: u8, during: u8) {
        self.stale |= during & 1 << content == 0;
        self.readers[at] = Reader::Idle;
    }
}

impl Validated {
    /// A transaction that will write this, of the version that it has to have.
    fn begin(&self, state: &mut State, step: Step) {
        let next =
            if self.0.stands(VersionCounter) { state.counter + 1 } else { state.row.version + 1 };
        let version = match step {
            Step::UpdateMember if !self.0.stands(MembersBumpRoot) => state.row.version,
            Step::Insert if !self.0.stands(VersionCounter) => 1,
            _ => next,
        };
        let row = if step == Step::Delete {
            Row::NONE
        } else {
            state.content += 1;
            Row { content: state.content, version, epoch: self.epoch(state) }
        };
        if let Some(free) = state.open.iter_mut().find(|open| open.is_none()) {
            *free = Some(row);
        }
        if !self.0.stands(PutCommitted) {
            state.sent |= row.bit();
        }
    }

    fn epoch(&self, state: &State) -> u8 {
        u8::from(state.restored && self.0.stands(RestoreIsAnEpoch))
    }

    fn commit(state: &mut State, at: usize) {
        let Some(row) = state.open[at].take() else { return };
        state.counter = state.counter.max(row.version);
        state.becomes(row);
        state.sent |= row.bit();
    }

    fn restore(&self, state: &mut State) {
        state.restored = true;
        state.open = [None; 2];
        let row = Row { epoch: self.epoch(state), ..Row::FIRST };
        state.counter = row.version;
        state.becomes(row);
    }

    fn validate(&self, state: &mut State, at: usize) {
        let Reader::Hit { entry, during } = state.readers[at] else { return };
        let truth = if self.0.stands(VersionFromPrimary) { state.row } else { state.replica };
        let same = (truth.version, truth.epoch) == (entry.version, entry.epoch);
        let believed = if entry.content == ABSENT {
            !self.0.stands(AbsenceCheck)
        } else {
            !self.0.stands(ValidateHit)
        };
        if same || believed {
            state.returns(at, entry.content, during);
        } else {
            state.readers[at] = Reader::Missed { during };
        }
    }

    fn load(&self, state: &mut State, at: usize) {
        let Reader::Missed { during } = state.readers[at] else { return };
        let row = if self.0.stands(RowFromPrimary) { state.row } else { state.replica };
        if self.0.stands(OneStatement) || row == Row::NONE {
            state.sent |= row.bit();
            state.returns(at, row.content, during);
        } else {
            state.readers[at] = Reader::Half { content: row.content, during };
        }
    }

    fn load_version(state: &mut State, at: usize) {
        let Reader::Half { content, during } = state.readers[at] else { return };
        if state.row != Row::NONE {
            state.sent |= Row { content, ..state.row }.bit();
        }
        state.returns(at, content, during);
    }
}

impl Protocol for Validated {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "validated";
    const LEAST_STATES: usize = 1_000_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(ValidateHit, "validate-hit", &[7, 15, 17]),
        switch(VersionFromPrimary, "version-from-primary", &[17]),
        switch(RowFromPrimary, "row-from-primary", &[5]),
        switch(AbsenceCheck, "absence-check", &[30]),
        switch(OneStatement, "one-statement", &[27]),
        switch(VersionCounter, "version-counter", &[28]),
        switch(VersionUnderLock, "version-under-lock", &[7]),
        switch(MembersBumpRoot, "members-bump-root", &[27]),
        switch(PutCommitted, "put-committed", &[13]),
        switch(RestoreIsAnEpoch, "restore-is-an-epoch", &[29]),
    ];

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        vec![
            event("a hit is served", |before, step, after| match step {
                Step::Validate(at) => {
                    after.readers[at] == Reader::Idle && before.row.content != ABSENT
                }
                _ => false,
            }),
            event("absence is served from the store", |before, step, after| match step {
                Step::Validate(at) => {
                    after.readers[at] == Reader::Idle && before.row.content == ABSENT
                }
                _ => false,
            }),
            event("an old entry is refused", |_, step, after| match step {
                Step::Validate(at) => matches!(after.readers[at], Reader::Missed { .. }),
                _ => false,
            }),
            event(
                "an entry from before the restore is refused",
                |before, step, after| match step {
                    Step::Validate(at) => {
                        let Reader::Hit { entry, .. } = before.readers[at] else { return false };
                        entry.epoch < before.row.epoch && after.readers[at] != Reader::Idle
                    }
                    _ => false,
                },
            ),
            event("the row is inserted again", |before, step, after| {
                matches!(step, Step::Commit(_)) && before.row == Row::NONE && after.row != Row::NONE
            }),
            event("the replica lags behind", |_, _, after| after.replica != after.row),
            event("the row changes during a read", |before, step, _| match step {
                Step::Load(at) => {
                    let Reader::Missed { during } = before.readers[at] else { return false };
                    during.count_ones() > 1
                }
                _ => false,
            }),
            event("a transaction is rolled back", |_, step, _| matches!(step, Step::Rollback(_))),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        vec![State {
            row: Row::FIRST,
            counter: Row::FIRST.version,
            content: Row::FIRST.content,
            replica: Row::FIRST,
            restored: false,
            open: [None; 2],
            sent: 0,
            readers: [Reader::Idle; 2],
            stale: false,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        // Defence off: a version that was read before the lock was taken.
        let most = if self.0.stands(VersionUnderLock) { 1 } else { 2 };
        let may_begin = state.open.iter().flatten().count() < most;
        let may_write = may_begin && state.content < CONTENTS;
        if may_write && state.row == Row::NONE {
            steps.push(Step::Insert);
        } else if may_write {
            steps.extend([Step::Update, Step::UpdateMember]);
        }
        if may_begin && state.row != Row::NONE {
            steps.push(Step::Delete);
        }
        for at in 0..state.open.len() {
            if state.open[at].is_some() {
                steps.extend([Step::Commit(at), Step::Rollback(at)]);
            }
        }
        if !state.restored {
            steps.push(Step::Restore);
        }
        if state.replica != state.row {
            steps.push(Step::Replicate);
        }
        // They are all alike, so that the first who is free may begin.
        let free = state.readers.iter().position(|reader| *reader == Reader::Idle);
        if let Some(at) = free {
            steps.push(Step::Get(at, Answer::Nothing));
            for Row { content, version, epoch } in
                Row::all().filter(|row| state.sent & row.bit() != 0)
            {
                steps.push(Step::Get(at, Answer::Entry { content, version, epoch }));
            }
        }
        for (at, reader) in state.readers.iter().enumerate() {
            match reader {
                Reader::Idle => {}
                Reader::Hit { .. } => steps.push(Step::Validate(at)),
                Reader::Missed { .. } => steps.push(Step::Load(at)),
                Reader::Half { .. } => steps.push(Step::LoadVersion(at)),
            }
        }
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Update | Step::UpdateMember | Step::Delete | Step::Insert => {
                self.begin(&mut next, step);
            }
            Step::Commit(at) => Self::commit(&mut next, at),
            Step::Rollback(at) => next.open[at] = None,
            Step::Restore => self.restore(&mut next),
            Step::Replicate => next.replica = state.row,
            Step::Get(at, answer) => {
                let during = 1 << state.row.content;
                next.readers[at] = match answer {
                    Answer::Nothing => Reader::Missed { during },
                    Answer::Entry { content, version, epoch } => {
                        Reader::Hit { entry: Row { content, version, epoch }, during }
                    }
                };
            }
            Step::Validate(at) => self.validate(&mut next, at),
            Step::Load(at) => self.load(&mut next, at),
            Step::LoadVersion(at) => Self::load_version(&mut next, at),
        }
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        state.stale.then_some("a read returns what was not there while it ran")
    }
}
