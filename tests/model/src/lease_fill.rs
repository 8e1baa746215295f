//! Cache-aside under leases, `eventual`.
//!
//! A read is a GET; on a miss it takes a lease, reads the database and fills,
//! which is accepted only under that lease. A write commits, then invalidates:
//! value and lease go together. Then it is acknowledged.
//!
//! While a deploy rolls, each of two builds has a value of its own under the key,
//! and both have one lease. A fill keeps the other build's value, and all that is
//! there ends when the first of it has to.
//!
//! A value that is there may be hit at any moment, so the promise is one about
//! what is there: no row older than an acknowledged write, and none whose read
//! was sent a ttl ago or longer.

use crate::flight::{Cargo, Flight, Joins};
use crate::protocol::{Defences, Event, Protocol, Switch, event, switch};

/// Rows 1, 2, .. are committed one after the other. Even rows are absent: at
/// first there is none, then it is inserted, deleted, inserted again.
const ROWS: u8 = 3;
/// As many while a deploy rolls.
const ROWS_OF_DEPLOY: u8 = 2;
/// In ticks; times beyond it are not told apart.
const TTL: u8 = 3;

/// Cache-aside under leases.
pub struct LeaseFill(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    LeaseToken,
    InvalidateLease,
    InvalidateAfterCommit,
    InvalidateAbsent,
    RandomToken,
    LeaseAnchor,
    PrimaryReads,
    JoinBeforeLook,
    JoinBeforeRead,
    JoinIfAccepted,
    JoinBeforeFill,
    OneKey,
    SharedLife,
}
use Defence::*;

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The row that the database holds.
    row: u8,
    /// Bit n: row n is committed and its writer still owes the invalidation.
    owed: u8,
    /// The newest row whose write was acknowledged.
    acknowledged: u8,
    /// Whether there are two builds: then the second flight is of the second.
    deploy: bool,
    /// What each build can read.
    values: [Option<Value>; 2],
    lease: Option<Lease>,
    flights: [Flight; 2],
    /// What a store would count tokens with.
    counter: u8,
    /// An invalidation was sent ahead of its commit.
    announced: bool,
    /// A caller was given a row older than a write acknowledged before it came.
    stale: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Value {
    row: u8,
    /// The time since the read that brought it was sent.
    age: u8,
    /// The time until it expires.
    left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lease {
    token: u8,
    age: u8,
}

/// What can happen. The numbers are those of flights, or of rows where it is a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Commit,
    Invalidate(u8),
    /// The writer dies after its commit.
    Crash(u8),
    /// Defence off: sent before the commit.
    InvalidateEarly,
    /// A miss: the value that came meanwhile is found, or the lease taken if nobody has it.
    Lease(usize),
    /// A refresh: the lease is taken whatever is there.
    ForceLease(usize),
    Read(usize),
    /// Defence off: a read from a replica that lags.
    ReadReplica(usize),
    SendFill(usize),
    Fill(usize),
    Reply(usize),
    /// A caller comes aboard.
    Board(usize),
    /// The flight ends, or what it sent or would be told is lost.
    Lose(usize),
    LoseValue,
    LoseLease,
    FlushAll,
    Tick,
}

impl State {
    fn build(&self, flight: usize) -> usize {
        if self.deploy { flight } else { 0 }
    }

    fn rows(&self) -> u8 {
        if self.deploy { ROWS_OF_DEPLOY } else { ROWS }
    }

    fn values(&self) -> impl Iterator<Item = Value> + use<> {
        self.values.into_iter().flatten()
    }

    /// Whether this flight may begin. They are all alike; its number makes its token, which must be
    /// nowhere else.
    fn may_take_off(&self, at: usize) -> bool {
        let token = at as u8 + 1;
        self.flights[at] == Flight::Grounded && self.lease.is_none_or(|lease| lease.token != token)
    }
}

impl LeaseFill {
    fn joins(&self) -> Joins {
        Joins {
            before_look: self.0.stands(JoinBeforeLook),
            before_read: self.0.stands(JoinBeforeRead),
            if_accepted: self.0.stands(JoinIfAccepted),
            before_fill: self.0.stands(JoinBeforeFill),
        }
    }

    /// Random, it is nowhere else: see [`State::may_take_off`].
    fn token(&self, state: &mut State, flight: usize) -> u8 {
        if self.0.stands(RandomToken) {
            return flight as u8 + 1;
        }
        state.counter += 1;
        state.counter
    }

    fn commit(&self, state: &mut State) {
        state.row += 1;
        let inserted = state.row % 2 == 1;
        if !self.0.stands(InvalidateAfterCommit) {
            state.announced = false;
            state.acknowledged = state.row;
        } else if inserted && !self.0.stands(InvalidateAbsent) {
            state.acknowledged = state.row;
        } else {
            state.owed |= 1 << state.row;
        }
    }

    fn invalidate(&self, state: &mut State) {
        state.values[0] = None;
        if self.0.stands(OneKey) {
            state.values[1] = None;
        }
        if self.0.stands(InvalidateLease) {
            state.lease = None;
        }
    }

    fn lease(&self, state: &mut State, flight: usize) {
        let token = self.token(state, flight);
        state.lease = Some(Lease { token, age: 0 });
        state.flights[flight] = Flight::Leased { token };
    }

    fn read(&self, state: &mut State, flight: usize, row: u8) {
        if let Flight::Leased { token } = state.flights[flight] {
            state.flights[flight] = Flight::Read(Cargo { token, row, age: 0, late: false });
        }
    }

    fn fill(&self, state: &mut State, flight: usize) {
        let Flight::Filling(cargo) = state.flights[flight] else { return };
        let own = state.lease.filter(|lease| lease.token == cargo.token);
        let anchor = match own {
            Some(lease) => Some(lease.age),
            None if self.0.stands(LeaseToken) => None,
            None => Some(cargo.age),
        };
        let left = match anchor {
            None => 0,
            Some(age) if self.0.stands(LeaseAnchor) => TTL.saturating_sub(age),
            Some(_) => TTL,
        };
        if left > 0 {
            let build = state.build(flight);
            state.values[build] = Some(Value { row: cargo.row, age: cargo.age, left });
            let shortest = state.values().map(|value| value.left).min();
            for value in state.values.iter_mut().flatten() {
                value.left =
                    if self.0.stands(SharedLife) { shortest.unwrap_or(left) } else { left };
            }
            state.lease = None;
        }
        state.flights[flight] =
            Flight::Filled { row: cargo.row, accepted: left > 0, late: cargo.late };
    }

    fn tick(state: &mut State) {
        let older = |age: &mut u8| *age = TTL.min(*age + 1);
        for value in &mut state.values {
            if let Some(value) = value {
                older(&mut value.age);
                value.left -= 1;
            }
            *value = value.filter(|value| value.left > 0);
        }
        if let Some(lease) = &mut state.lease {
            older(&mut lease.age);
        }
        for flight in &mut state.flights {
            if let Flight::Read(cargo) | Flight::Filling(cargo) = flight {
                older(&mut cargo.age);
            }
        }
    }
}

impl Protocol for LeaseFill {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "lease_fill";
    const LEAST_STATES: usize = 900_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(LeaseToken, "lease-token", &[2]),
        switch(InvalidateLease, "invalidate-lease", &[1, 28]),
        switch(InvalidateAfterCommit, "invalidate-after-commit", &[4]),
        switch(InvalidateAbsent, "invalidate-absent", &[30]),
        switch(RandomToken, "random-token", &[19]),
        switch(LeaseAnchor, "lease-anchor", &[20]),
        switch(PrimaryReads, "primary-reads", &[5]),
        switch(JoinBeforeLook, "join-before-look", &[9]),
        switch(JoinBeforeRead, "join-before-read", &[9]),
        switch(JoinIfAccepted, "join-if-accepted", &[9]),
        switch(JoinBeforeFill, "join-before-fill", &[48]),
        switch(OneKey, "one-key", &[1]),
        switch(SharedLife, "shared-life", &[20]),
    ];

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        vec![
            event("a fill is accepted", |_, step, after| {
                matches!(step, Step::Fill(_)) && after.values().next().is_some()
            }),
            event("a fill is refused", |before, step, after| {
                matches!(step, Step::Fill(_)) && before.values == after.values
            }),
            event("a fill comes too late for its lease", |before, step, after| match step {
                Step::Fill(at) => {
                    let Flight::Filling(cargo) = before.flights[at] else { return false };
                    before.lease == Some(Lease { token: cargo.token, age: TTL })
                        && before.values == after.values
                }
                _ => false,
            }),
            event("a value is found", |_, step, after| match step {
                Step::Lease(at) => matches!(after.flights[at], Flight::Found { .. }),
                _ => false,
            }),
            event("a value expires", |before, step, after| {
                step == Step::Tick && before.values().count() > after.values().count()
            }),
            event("who came too late is sent on", |before, step, after| match step {
                Step::Reply(at) => before.flights[at].has_late() && !after.stale,
                _ => false,
            }),
            event("absent rows are filled", |_, step, after| {
                matches!(step, Step::Fill(_)) && after.values().any(|value| value.row == 2)
            }),
            event("a value is older than the database, unacknowledged", |_, _, after| {
                after.values().any(|value| value.row < after.row)
            }),
            event("a fill keeps another build's value", |_, step, after| {
                matches!(step, Step::Fill(_)) && after.values().count() == 2
            }),
            event(
                "a lease is granted beside another build's value",
                |before, step, _| match step {
                    Step::Lease(at) => {
                        before.values[before.build(at)].is_none()
                            && before.values().next().is_some()
                    }
                    _ => false,
                },
            ),
            event("all is acknowledged", |_, _, after| after.acknowledged == after.rows()),
            event("the store is emptied under a lease", |before, step, _| {
                step == Step::FlushAll && before.lease.is_some()
            }),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        [false, true]
            .map(|deploy| State {
                row: 0,
                owed: 0,
                acknowledged: 0,
                deploy,
                values: [None; 2],
                lease: None,
                flights: [Flight::Grounded; 2],
                counter: 0,
                announced: false,
                stale: false,
            })
            .to_vec()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        let early = !self.0.stands(InvalidateAfterCommit);
        if state.row < state.rows() && (!early || state.announced) {
            steps.push(Step::Commit);
        }
        if early && state.row < state.rows() && !state.announced {
            steps.push(Step::InvalidateEarly);
        }
        for row in (1..=state.row).filter(|row| state.owed & 1 << row != 0) {
            steps.extend([Step::Invalidate(row), Step::Crash(row)]);
        }
        let mut free: Vec<usize> =
            (0..state.flights.len()).filter(|at| state.may_take_off(*at)).collect();
        // Those of one build are alike.
        free.truncate(if state.deploy { 2 } else { 1 });
        for at in free {
            if state.lease.is_none() || state.values[state.build(at)].is_some() {
                steps.push(Step::Lease(at));
            }
            steps.push(Step::ForceLease(at));
        }
        for (at, flight) in state.flights.iter().enumerate() {
            match flight {
                Flight::Grounded => continue,
                Flight::Leased { .. } => {
                    steps.push(Step::Read(at));
                    if !self.0.stands(PrimaryReads) && state.row > 0 {
                        steps.push(Step::ReadReplica(at));
                    }
                }
                Flight::Read(_) => steps.push(Step::SendFill(at)),
                Flight::Filling(_) => steps.push(Step::Fill(at)),
                Flight::Filled { .. } => steps.push(Step::Reply(at)),
                Flight::Found { .. } => {}
            }
            steps.extend([Step::Lose(at), Step::Board(at)]);
        }
        if state.values().next().is_some() {
            steps.push(Step::LoseValue);
        }
        if state.lease.is_some() {
            steps.push(Step::LoseLease);
        }
        steps.extend([Step::FlushAll, Step::Tick]);
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Commit => self.commit(&mut next),
            Step::Invalidate(row) => {
                self.invalidate(&mut next);
                next.owed &= !(1 << row);
                next.acknowledged = next.acknowledged.max(row);
            }
            Step::Crash(row) => next.owed &= !(1 << row),
            Step::InvalidateEarly => {
                self.invalidate(&mut next);
                next.announced = true;
            }
            Step::Lease(at) => match state.values[state.build(at)] {
                Some(value) => next.flights[at] = Flight::Found { row: value.row },
                None => self.lease(&mut next, at),
            },
            Step::ForceLease(at) => self.lease(&mut next, at),
            Step::Read(at) => self.read(&mut next, at, state.row),
            Step::ReadReplica(at) => self.read(&mut next, at, state.row - 1),
            Step::SendFill(at) => {
                if let Flight::Read(cargo) = state.flights[at] {
                    next.flights[at] = Flight::Filling(cargo);
                }
            }
            Step::Fill(at) => self.fill(&mut next, at),
            Step::Reply(at) => next.stale |= next.flights[at].land(self.joins()),
            Step::Board(at) => {
                next.stale |= next.flights[at].board(state.acknowledged, self.joins());
            }
            Step::Lose(at) => next.flights[at] = Flight::Grounded,
            Step::LoseValue => next.values = [None; 2],
            Step::LoseLease => next.lease = None,
            Step::FlushAll => (next.values, next.lease, next.counter) = ([None; 2], None, 0),
            Step::Tick => Self::tick(&mut next),
        }
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        if state.stale {
            return Some("a caller shares a row older than an acknowledged write");
        }
        state.values().find_map(|value| match value {
            _ if value.row < state.acknowledged => {
                Some("a hit is older than an acknowledged write")
            }
            _ if value.age >= TTL => Some("a hit is older than the ttl"),
            _ => None,
        })
    }
}
