//! What is true at one moment, in the database, in the store and in each process.

/// A root, and the members that it has, by the commits that wrote them last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Whole {
    pub root: u8,
    pub members: u8,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct State {
    /// Whether fences are a courtesy (`eventual`) or needed (`strict(fenced)`).
    pub courtesy: bool,
    pub commits: u8,
    pub wholes: [Whole; 2],
    /// The members that each root had when it was written last.
    pub under: [u8; 2],
    /// The root that the member is of.
    pub member: Option<usize>,
    /// The newest that were acknowledged.
    pub acknowledged: [Whole; 2],
    pub entries: [Entry; 2],
    pub writers: [Writer; 2],
    pub reader: Reader,
    /// A reader was given a torn whole.
    pub torn: bool,
}

/// What the store has of one root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Entry {
    pub value: Option<Whole>,
    pub leased: bool,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Write {
    /// The member where it is.
    Change,
    /// The member comes to this root, or is deleted.
    Move(Option<usize>),
    /// This root.
    Root(usize),
    /// This root and the member, which is of it.
    Both(usize),
}

/// A writer. `touched` has a bit for each root whose whole is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Writer {
    pub phase: Phase,
    pub touched: u8,
    /// Its fences, which may outlive it.
    pub fences: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Phase {
    Idle,
    /// Defence off: it has looked where the member is, and locked nothing.
    Looked {
        write: Write,
        was: Option<usize>,
    },
    /// The statement is done, its rows are locked.
    Stated {
        write: Write,
    },
    Fenced {
        write: Write,
    },
    /// What it wrote, to be acknowledged.
    Committed {
        wrote: [Whole; 2],
    },
}

/// A reader that missed: of a root, with a lease or past the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Reader {
    Idle,
    Began {
        of: usize,
        fills: bool,
    },
    /// It has one of the two, and with the root what that goes with.
    Half {
        of: usize,
        fills: bool,
        one: u8,
        under: u8,
    },
    Read {
        of: usize,
        whole: Whole,
    },
}

impl Write {
    /// Whether it locks the member's row.
    pub fn is_of_member(self) -> bool {
        !matches!(self, Self::Root(_))
    }

    /// Whether these lock one row.
    pub fn meets(self, other: Self) -> bool {
        let root = |write| match write {
            Self::Root(at) | Self::Both(at) => Some(at),
            _ => None,
        };
        (self.is_of_member() && other.is_of_member())
            || (root(self).is_some() && root(self) == root(other))
    }
}

impl Writer {
    /// One that has not begun.
    pub const IDLE: Self = Self { phase: Phase::Idle, touched: 0, fences: 0 };

    /// The write whose rows it has locked.
    pub fn locks(&self) -> Option<Write> {
        match self.phase {
            Phase::Stated { write } | Phase::Fenced { write } => Some(write),
            _ => None,
        }
    }

    /// Is heard of no more; its fences stay.
    pub fn leave(&mut self) {
        *self = Self { fences: self.fences, ..Self::IDLE };
    }
}

impl State {
    /// Whether nobody has locked what this would.
    pub fn is_free(&self, write: Write) -> bool {
        !self.writers.iter().filter_map(Writer::locks).any(|other| other.meets(write))
    }

    /// What can be written, as the member is now.
    pub fn writes(&self) -> Vec<Write> {
        let mut writes = vec![Write::Root(0), Write::Root(1)];
        let places = [None, Some(0), Some(1)].into_iter().filter(|to| *to != self.member);
        writes.extend(places.map(Write::Move));
        if let Some(at) = self.member {
            writes.extend([Write::Change, Write::Both(at)]);
        }
        writes
    }

    /// Whether a fence stands around the whole of this root.
    pub fn fenced(&self, of: usize) -> bool {
        self.writers.iter().any(|writer| writer.fences >> of & 1 == 1)
    }
}

/// The bit of a root, if there is one.
pub fn bit(root: Option<usize>) -> u8 {
    root.map_or(0, |root| 1 << root)
}
