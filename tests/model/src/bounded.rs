//! `bounded`: an outbox of invalidations in the database, a relay, and a watermark in the store under
//! which alone a value counts.
//!
//! Every invalidation that a writer sends is lost: the relay alone tells the store. There are two
//! relays, each of which may have been taken for dead and go on. The store may lose the watermark, or
//! fail over to what it was when its replica last heard of it, which may be empty.
//!
//! Time is not counted. A watermark stands at most the bound after the moment at which its relay asked
//! for the time. So the promise holds if what is served under a watermark is no older than what the
//! database had at that moment, which the watermark carries here; and if nothing is served without.

use crate::protocol::{Defences, Event, Protocol, Switch, event, switch};

/// How many writes there are, and how many names of watermarks.
const WRITES: u8 = 2;
const NAMES: u8 = 3;
/// How often the replica hears of everything, and is failed over to.
const FAILOVERS: u8 = 1;

/// The watermark-gated bucket, with one entry in it.
pub struct Bounded(Defences<Defence>);

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Defence {
    OutboxRow,
    WatermarkGate,
    WatermarkName,
    OutboxAll,
    OneSnapshot,
    TimeFirst,
    TurnRemovesLease,
    FillEra,
    ExactRows,
    NameCompared,
}
use Defence::*;

/// What the store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Store {
    /// The value's version and era.
    value: Option<(u8, u8)>,
    /// Which reader has the lease, and the era of then.
    lease: Option<(u8, u8)>,
    mark: Option<Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    name: u8,
    era: u8,
    /// The version that the database had when the time was asked for.
    covers: u8,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// How many writes have committed.
    version: u8,
    /// How many have begun. Each has a number by then, and commits whenever it likes.
    begun: u8,
    /// Those under way: a bit each.
    open: u8,
    /// Those whose row is in the outbox: a bit each.
    outbox: u8,
    /// The watermark's name, as the database remembers it; 0 is none.
    name: u8,
    names: u8,
    primary: Store,
    replica: Store,
    replications: u8,
    failovers: u8,
    readers: [Reader; 1],
    relays: [Relay; 2],
    /// Defence off: the greatest number that a relay has seen.
    past: u8,
}

/// Where a read that missed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Idle,
    Leased,
    Read(u8),
}

/// Where a relay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Relay {
    Idle,
    Timed {
        covers: u8,
    },
    /// Defence off: it has the name and not yet the rows.
    Named {
        covers: u8,
        name: u8,
    },
    /// Defence off: it has the snapshot and not yet the time.
    Untimed {
        name: u8,
        rows: u8,
    },
    Snapshot {
        covers: u8,
        name: u8,
        rows: u8,
    },
    /// The store has taken it, the database does not know yet.
    Turned {
        before: u8,
        name: u8,
        rows: u8,
    },
}

/// What can happen. The numbers are those of writes, readers and relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Begin,
    Commit(u8),
    Lease(usize),
    Load(usize),
    Fill(usize),
    Time(usize),
    Name(usize),
    Rows(usize),
    Tell(usize),
    Settle(usize),
    /// A relay dies.
    Die(usize),
    /// The watermark's deadline is over, or it is evicted.
    Expire,
    /// The replica hears of everything so far.
    Replicate,
    Failover,
}

impl Bounded {
    fn rows(&self, state: &State) -> u8 {
        if self.0.stands(OutboxAll) {
            state.outbox
        } else {
            state.outbox & !((1u16 << state.past) - 1) as u8
        }
    }

    fn tell(&self, state: &mut State, at: usize) {
        let Relay::Snapshot { covers, name: before, rows } = state.relays[at] else { return };
        let store = &mut state.primary;
        let known = |mark: &Mark| mark.name == before || !self.0.stands(WatermarkName);
        if let (0, Some(mark)) = (rows, store.mark.as_mut().filter(|mark| known(mark))) {
            mark.covers = mark.covers.max(covers);
            state.relays[at] = Relay::Idle;
            return;
        }
        state.names += 1;
        let name = state.names;
        // Names and eras are as fresh as each other.
        let era = store.mark.filter(known).map_or(name, |mark| mark.era);
        if rows != 0 {
            store.value = None;
            if self.0.stands(TurnRemovesLease) {
                store.lease = None;
            }
        }
        store.mark = Some(Mark { name, era, covers });
        state.relays[at] = Relay::Turned { before, name, rows };
        state.past = state.past.max(8 - rows.leading_zeros() as u8);
    }

    fn settle(&self, state: &mut State, at: usize) {
        let Relay::Turned { before, name, rows } = state.relays[at] else { return };
        state.relays[at] = Relay::Idle;
        if state.name != before && self.0.stands(NameCompared) {
            return;
        }
        state.name = name;
        state.outbox &= if self.0.stands(ExactRows) { !rows } else { 0 };
    }

    fn fill(&self, state: &mut State, at: usize) {
        let Reader::Read(version) = state.readers[at] else { return };
        state.readers[at] = Reader::Idle;
        let store = &mut state.primary;
        let Some((_, leased)) = store.lease.filter(|(reader, _)| usize::from(*reader) == at) else {
            return;
        };
        store.lease = None;
        let Some(mark) = store.mark else { return };
        if leased == mark.era || !self.0.stands(FillEra) {
            store.value = Some((version, mark.era));
        }
    }

    /// Whether the value that is there is served.
    fn served(&self, store: &Store) -> Option<(u8, Option<u8>)> {
        let (version, era) = store.value?;
        match store.mark {
            Some(mark) => (mark.era == era).then_some((version, Some(mark.covers))),
            None => (!self.0.stands(WatermarkGate)).then_some((version, None)),
        }
    }
}

impl Protocol for Bounded {
    type Defence = Defence;
    type State = State;
    type Step = Step;

    const NAME: &'static str = "bounded";
    const LEAST_STATES: usize = 100_000;
    const DEFENCES: &'static [Switch<Defence>] = &[
        switch(OutboxRow, "outbox-row", &[6, 18]),
        switch(WatermarkGate, "watermark-gate", &[17]),
        switch(WatermarkName, "watermark-name", &[15, 16]),
        switch(OutboxAll, "outbox-all", &[25]),
        switch(OneSnapshot, "one-snapshot", &[47]),
        switch(TimeFirst, "time-first", &[47]),
        switch(TurnRemovesLease, "turn-removes-lease", &[1]),
        switch(FillEra, "fill-era", &[15]),
        switch(ExactRows, "exact-rows", &[25]),
        switch(NameCompared, "name-compared", &[16]),
    ];

    fn events() -> Vec<Event<Self>> {
        let event = event::<Self>;
        vec![
            event("a value is served that has been replaced within the bound", |_, _, after| {
                let store = &after.primary;
                matches!((store.value, store.mark), (Some((version, era)), Some(mark))
                    if mark.era == era && version < after.version)
            }),
            event("an idle bucket is vouched for again", |before, step, after| {
                matches!(step, Step::Tell(_))
                    && before.primary.mark.map(|mark| mark.name)
                        == after.primary.mark.map(|mark| mark.name)
            }),
            event("a change is applied", |before, step, after| {
                matches!(step, Step::Tell(_))
                    && before.primary.value.is_some()
                    && after.primary.value.is_none()
            }),
            event("a store that is behind is found out", |before, step, after| match step {
                Step::Tell(_) => match (before.primary.mark, after.primary.mark) {
                    (Some(before), Some(after)) => before.era != after.era,
                    _ => false,
                },
                _ => false,
            }),
            event("of two relays one is too late", |before, step, after| {
                matches!(step, Step::Settle(_)) && before.name == after.name
            }),
            event(
                "a write commits after one with a greater number",
                |before, step, _| matches!(step, Step::Commit(at) if before.outbox >> at > 1),
            ),
            event("a fill is refused", |before, step, after| match step {
                Step::Fill(at) => {
                    matches!(before.readers[at], Reader::Read(_))
                        && after.primary.value == before.primary.value
                }
                _ => false,
            }),
        ]
    }

    fn new(defences: Defences<Defence>) -> Self {
        Self(defences)
    }

    fn start(&self) -> Vec<State> {
        vec![State {
            version: 0,
            begun: 0,
            open: 0,
            outbox: 0,
            name: 0,
            names: 0,
            primary: Store::default(),
            replica: Store::default(),
            replications: 0,
            failovers: 0,
            readers: [Reader::Idle; 1],
            relays: [Relay::Idle; 2],
            past: 0,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if state.begun < WRITES {
            steps.push(Step::Begin);
        }
        steps.extend((0..WRITES).filter(|at| state.open >> at & 1 == 1).map(Step::Commit));
        for (at, reader) in state.readers.iter().enumerate() {
            match reader {
                // They are alike, so that the first who is free may begin.
                Reader::Idle => {
                    let first = state.readers.iter().position(|reader| *reader == Reader::Idle);
                    let free = state.primary.lease.is_none() && state.primary.mark.is_some();
                    if first == Some(at) && free && self.served(&state.primary).is_none() {
                        steps.push(Step::Lease(at));
                    }
                }
                Reader::Leased => steps.push(Step::Load(at)),
                Reader::Read(_) => steps.push(Step::Fill(at)),
            }
        }
        for (at, relay) in state.relays.iter().enumerate() {
            match relay {
                Relay::Idle => steps.push(match self.0.stands(TimeFirst) {
                    true => Step::Time(at),
                    false => Step::Rows(at),
                }),
                Relay::Timed { .. } => steps.push(match self.0.stands(OneSnapshot) {
                    true => Step::Rows(at),
                    false => Step::Name(at),
                }),
                Relay::Named { .. } => steps.push(Step::Rows(at)),
                Relay::Untimed { .. } => steps.push(Step::Time(at)),
                Relay::Snapshot { .. } if state.names < NAMES => steps.push(Step::Tell(at)),
                Relay::Snapshot { .. } => {}
                Relay::Turned { .. } => steps.push(Step::Settle(at)),
            }
            // Before it has told the store, it may as well be slow.
            if matches!(relay, Relay::Turned { .. }) {
                steps.push(Step::Die(at));
            }
        }
        if state.primary.mark.is_some() {
            steps.push(Step::Expire);
        }
        if state.primary != state.replica && state.failovers < FAILOVERS {
            steps.push(Step::Failover);
            if state.replications < FAILOVERS {
                steps.push(Step::Replicate);
            }
        }
    }

    fn apply(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Begin => {
                next.open |= 1 << state.begun;
                next.begun += 1;
            }
            Step::Commit(at) => {
                next.open &= !(1 << at);
                next.version += 1;
                if self.0.stands(OutboxRow) {
                    next.outbox |= 1 << at;
                }
            }
            Step::Lease(at) => {
                let era = state.primary.mark.map_or(0, |mark| mark.era);
                next.primary.lease = Some((at as u8, era));
                next.readers[at] = Reader::Leased;
            }
            Step::Load(at) => next.readers[at] = Reader::Read(state.version),
            Step::Fill(at) => self.fill(&mut next, at),
            Step::Time(at) => {
                let covers = state.version;
                next.relays[at] = match state.relays[at] {
                    Relay::Untimed { name, rows } => Relay::Snapshot { covers, name, rows },
                    _ => Relay::Timed { covers },
                };
            }
            Step::Name(at) => {
                if let Relay::Timed { covers } = state.relays[at] {
                    next.relays[at] = Relay::Named { covers, name: state.name };
                }
            }
            Step::Rows(at) => {
                let (name, rows) = (state.name, self.rows(state));
                next.relays[at] = match state.relays[at] {
                    Relay::Timed { covers } => Relay::Snapshot { covers, name, rows },
                    Relay::Named { covers, name } => Relay::Snapshot { covers, name, rows },
                    _ => Relay::Untimed { name, rows },
                };
            }
            Step::Tell(at) => self.tell(&mut next, at),
            Step::Settle(at) => self.settle(&mut next, at),
            Step::Die(at) => next.relays[at] = Relay::Idle,
            Step::Expire => next.primary.mark = None,
            Step::Replicate => {
                next.replica = state.primary;
                next.replications += 1;
            }
            Step::Failover => {
                next.primary = state.replica;
                next.failovers += 1;
            }
        }
        // They are alike.
        next.relays.sort_unstable();
        next
    }

    fn broken(&self, state: &State) -> Option<&'static str> {
        let (version, covers) = self.served(&state.primary)?;
        // Without a watermark any time may have passed.
        (version < covers.unwrap_or(state.version)).then_some("a hit may be older than the bound")
    }
}
