//! What is true at one moment, in the database, in the store and in each process.

/// The numbers of one stripe, from 1; a bit each in what follows.
pub const WRITES: u8 = 3;

/// What a write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    /// A whole row.
    Put,
    /// A change of the row as it is.
    Delta,
    Delete,
    /// Of another row in the same stripe.
    Other,
}

/// A fence in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Fence {
    None,
    Stands,
    Tainted,
}

/// How far a group of writes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing is under way, or its process has died.
    Idle,
    /// Its numbers are taken, its writes inserted.
    Locked,
    /// FENCE was answered.
    Fenced,
    /// Durable; it still owes the store the end of its fence.
    Committed,
}

/// A process that enqueues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writer {
    /// How far its group is.
    pub phase: Phase,
    /// The group's numbers.
    pub writes: u8,
    /// Whether they go behind parked ones.
    pub behind: bool,
    /// Whether FENCE was answered before COMMIT was sent.
    pub answered: bool,
    /// Its fence, which may outlive it.
    pub fence: Fence,
}

/// A process that flushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flusher {
    /// How far its flush is.
    pub flush: Flush,
    /// Its fence around what it parks, which may outlive it.
    pub fence: Fence,
}

/// How far a flush is. `writes` was taken from the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Flush {
    Idle,
    /// It has claimed the stripe and read the oldest writes.
    Taken {
        writes: u8,
    },
    /// Defence off: the rows are written, the outbox is as before.
    Applied {
        writes: u8,
    },
    /// The row is refused; `parks` go to what is parked. It has the stripe's head.
    Parking {
        writes: u8,
        parks: u8,
    },
    /// The same, and the fence of the row's entry was answered.
    Fenced {
        writes: u8,
        parks: u8,
    },
    /// The writes are parked; it still owes the store the end of its fence.
    Parked,
}

/// A reader that missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Reader {
    Idle,
    Leased,
    /// Defence off: it has the row, and not yet what is pending.
    Half {
        row: Row,
        floor: u8,
    },
    Read {
        writes: u8,
    },
}

/// The row, as the writes that it consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Which were applied.
    pub writes: u8,
    /// Whether each was applied once, and in order.
    pub sound: bool,
    /// Whether it has what another program wrote.
    pub outside: bool,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct State {
    /// What each number's write is.
    pub kinds: [Kind; WRITES as usize],
    /// Whether fences are a courtesy (`eventual`) or needed (`strict(fenced)`).
    pub courtesy: bool,
    /// Whether another program writes the row, once, past the outbox, and is seen by its version.
    pub watched: bool,
    pub outside: bool,
    /// The whole rows and deletions that are based on what it wrote.
    pub seen: u8,
    /// The greatest number that was given.
    pub numbers: u8,
    /// Those that were committed, and those that were acknowledged.
    pub committed: u8,
    pub acknowledged: u8,
    pub row: Row,
    /// Those applied to the other row.
    pub others: u8,
    pub outbox: u8,
    pub parked: u8,
    /// An operator has discarded them.
    pub discarded: u8,
    pub value: Option<u8>,
    pub leased: bool,
    pub writers: [Writer; 2],
    pub flushers: [Flusher; 2],
    /// The database refuses one row, once.
    pub refused: bool,
    pub decided: bool,
    /// The store knows that writes are parked.
    pub told: bool,
    pub reader: Reader,
    /// A read returned what it must not.
    pub misread: bool,
}

/// The bit of a number, and all up to it.
pub fn bit(number: u8) -> u8 {
    1 << (number - 1)
}

/// All numbers up to the greatest of these.
pub fn up_to(writes: u8) -> u8 {
    match writes {
        0 => 0,
        _ => u8::MAX >> writes.leading_zeros(),
    }
}

/// The least of these.
pub fn first(writes: u8) -> u8 {
    writes & writes.wrapping_neg()
}

/// These, in order.
pub fn numbers(writes: u8) -> impl Iterator<Item = u8> {
    (1..=WRITES).filter(move |number| writes & bit(*number) != 0)
}

impl Kind {
    /// Whether the row before has no part in what becomes of it.
    fn replaces(self) -> bool {
        matches!(self, Self::Put | Self::Delete)
    }
}

impl Fence {
    /// Whether it is there.
    pub fn stands(self) -> bool {
        self != Self::None
    }
}

impl Writer {
    const IDLE: Self =
        Self { phase: Phase::Idle, writes: 0, behind: false, answered: false, fence: Fence::None };

    /// Whether it has the stripe's head.
    pub fn has_head(&self) -> bool {
        matches!(self.phase, Phase::Locked | Phase::Fenced)
    }

    /// Its group is done, or its process has died; the fence may stay.
    pub fn leave(&mut self) {
        *self = Self { fence: self.fence, ..Self::IDLE };
    }
}

impl Flusher {
    /// One that does nothing.
    pub const IDLE: Self = Self { flush: Flush::Idle, fence: Fence::None };

    /// Whether it has claimed the stripe.
    pub fn has_claim(self) -> bool {
        self.has_head() || matches!(self.flush, Flush::Taken { .. })
    }

    /// Whether it has the stripe's head.
    pub fn has_head(self) -> bool {
        matches!(self.flush, Flush::Parking { .. } | Flush::Fenced { .. })
    }
}

impl Row {
    /// The row as one more write leaves it.
    fn with(self, number: u8, kind: Kind, seen: u8) -> Self {
        let one = bit(number);
        let outside = if kind.replaces() { seen & one != 0 } else { self.outside };
        let again = self.writes & one != 0 && kind == Kind::Delta;
        let late = up_to(self.writes) & !up_to(one) != 0;
        Self { writes: self.writes | one, sound: self.sound && !again && !late, outside }
    }
}

impl State {
    /// Where it begins, with these writes to come.
    pub fn new(kinds: [Kind; WRITES as usize], courtesy: bool, watched: bool) -> Self {
        Self {
            kinds,
            courtesy,
            watched,
            outside: false,
            seen: 0,
            numbers: 0,
            committed: 0,
            acknowledged: 0,
            row: Row { writes: 0, sound: true, outside: false },
            others: 0,
            outbox: 0,
            parked: 0,
            discarded: 0,
            value: None,
            leased: false,
            writers: [Writer::IDLE; 2],
            flushers: [Flusher::IDLE; 2],
            refused: false,
            decided: false,
            told: false,
            reader: Reader::Idle,
            misread: false,
        }
    }

    /// What a number's write is.
    pub fn kind(&self, number: u8) -> Kind {
        self.kinds[usize::from(number) - 1]
    }

    /// Those of these that are of the row, and not of the other.
    pub fn own(&self, writes: u8) -> u8 {
        let own = |number: &u8| self.kind(*number) != Kind::Other;
        numbers(writes).filter(own).fold(0, |own, number| own | bit(number))
    }

    /// What the row is, as all committed writes leave it.
    pub fn truth(&self) -> u8 {
        self.own(self.committed & !self.discarded)
    }

    /// A row with these writes applied to it.
    pub fn fold(&self, row: Row, writes: u8) -> Row {
        let one = |row: Row, number| row.with(number, self.kind(number), self.seen);
        numbers(self.own(writes)).fold(row, one)
    }

    /// Whether one of these would replace a row that it is not based on.
    pub fn has_conflict(&self, writes: u8) -> bool {
        let mut row = self.row;
        numbers(self.own(writes)).any(|number| {
            let before = row;
            row = self.fold(row, bit(number));
            self.kind(number).replaces() && before.outside != row.outside
        })
    }

    /// The row with all that is pending, as a miss reads it.
    pub fn overlaid(&self) -> Row {
        self.fold(self.row, self.outbox | self.parked)
    }

    /// Whether nobody has the stripe's head.
    pub fn head_is_free(&self) -> bool {
        !self.writers.iter().any(Writer::has_head)
            && !self.flushers.iter().any(|flusher| flusher.has_head())
    }

    /// Whether nobody has claimed the stripe.
    pub fn claim_is_free(&self) -> bool {
        !self.flushers.iter().any(|flusher| flusher.has_claim())
    }

    /// Whether any fence stands.
    pub fn fenced(&self) -> bool {
        self.writers.iter().any(|writer| writer.fence.stands())
            || self.flushers.iter().any(|flusher| flusher.fence.stands())
    }

    /// All fences are tainted: none puts any more.
    pub fn taint_all(&mut self) {
        self.each_fence(|fence| if fence.stands() { Fence::Tainted } else { fence });
    }

    /// What becomes of each fence.
    pub fn each_fence(&mut self, becomes: impl Fn(Fence) -> Fence) {
        let writers = self.writers.iter_mut().map(|writer| &mut writer.fence);
        let flushers = self.flushers.iter_mut().map(|flusher| &mut flusher.fence);
        writers.chain(flushers).for_each(|fence| *fence = becomes(*fence));
    }
}
