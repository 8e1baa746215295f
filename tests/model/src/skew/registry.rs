//! What is true at one moment, in the registry, in the store and in each process.

/// How many writes there are.
pub const WRITES: u8 = 1;
/// How many versions of the registry.
pub const VERSIONS: u8 = 4;

/// The kind, as the registry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Kind {
    pub generation: u8,
    /// The version of the registry since which it is offered.
    pub since: u8,
    /// At which version it was withdrawn; 0 if it is offered.
    pub withdrawn: u8,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct State {
    pub version: u8,
    pub kind: Kind,
    /// The row that the database holds.
    pub row: u8,
    /// What the store has, by generation.
    pub values: [Option<u8>; VERSIONS as usize + 1],
    pub knowing: [Process; 2],
    pub stranger: Process,
}

/// A process, with what the registry has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Process {
    pub registered: bool,
    /// Its lease is over, by the database's clock.
    pub over: bool,
    /// What it has told the registry that it has seen.
    pub said: u8,
    /// What it has seen; of the stranger, by what it must wait for others.
    pub seen: u8,
    /// Whether it may begin transactions.
    pub writes: bool,
    /// The generation in whose names it removes, and serves if it serves.
    pub generation: u8,
    pub serves: bool,
    /// Its view is not yet too old to serve by.
    pub fresh: bool,
    pub beat: Option<Beat>,
    pub transaction: Option<Transaction>,
}

/// What a beat has read, before its process goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Beat {
    pub version: u8,
    pub generation: u8,
    pub serves: bool,
    pub fresh: bool,
}

/// A transaction that writes the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Transaction {
    pub generation: u8,
    /// Its process is still registered as when it began.
    pub valid: bool,
    /// It has locked the registration, which nobody removes until it has ended.
    pub locked: bool,
}

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Who {
    Knowing(usize),
    Stranger,
}
use Who::{Knowing, Stranger};

impl Process {
    /// One that has been there for long.
    pub const LIVE: Self = Self {
        registered: true,
        over: false,
        said: 1,
        seen: 1,
        writes: true,
        generation: 0,
        serves: true,
        fresh: true,
        beat: None,
        transaction: None,
    };
    /// One that is not there.
    pub const GONE: Self = Self {
        registered: false,
        said: 0,
        seen: 0,
        writes: false,
        serves: false,
        fresh: false,
        ..Self::LIVE
    };

    /// Whether nobody may remove it now.
    pub fn is_held(&self) -> bool {
        self.transaction.is_some_and(|transaction| transaction.locked)
    }

    /// It is registered no more, which it may not know.
    pub fn remove(&mut self) {
        (self.registered, self.over) = (false, false);
        if let Some(transaction) = &mut self.transaction {
            transaction.valid = false;
        }
    }
}

impl State {
    /// This process.
    pub fn process(&self, who: Who) -> &Process {
        match who {
            Knowing(at) => &self.knowing[at],
            Stranger => &self.stranger,
        }
    }

    /// The same, to be changed.
    pub fn process_mut(&mut self, who: Who) -> &mut Process {
        match who {
            Knowing(at) => &mut self.knowing[at],
            Stranger => &mut self.stranger,
        }
    }

    /// One write at a time.
    pub fn may_begin(&self) -> bool {
        let open = [&self.knowing[0], &self.knowing[1], &self.stranger];
        self.row < WRITES && open.iter().all(|process| process.transaction.is_none())
    }

    /// Whether anything may yet be served that is stale: a write is to come, or an old row is there.
    pub fn is_at_risk(&self) -> bool {
        let old = |row: u8| row < self.row;
        self.row < WRITES || self.values.into_iter().flatten().any(old)
    }

    /// Forgets what the store has in generations that nobody names any more, and what was told to
    /// processes that are not registered.
    pub fn forget(&mut self) {
        for process in self.knowing.iter_mut().filter(|process| !process.registered) {
            (process.said, process.seen) = (0, 0);
        }
        let beats = self.knowing.iter().filter_map(|process| process.beat);
        let named: Vec<u8> = (self.knowing.iter().map(|process| process.generation))
            .chain(beats.map(|beat| beat.generation))
            .chain([self.kind.generation])
            .collect();
        for (generation, value) in (0..).zip(&mut self.values) {
            *value = value.filter(|_| named.contains(&generation));
        }
    }

    /// Whether all that know the kind have said that they have seen this version.
    pub fn all_have_seen(&self, version: u8) -> bool {
        self.knowing.iter().all(|process| !process.registered || process.said >= version)
    }
}
