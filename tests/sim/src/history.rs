//! What happened in a schedule, as its checker needs it.

use std::fmt;
use std::time::Duration;

/// A row of the table `accounts`. No two writes give the same balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    pub email: String,
    pub balance: i64,
}

impl Row {
    /// `id|email|balance`.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('|');
        let mut next = || parts.next().unwrap_or_default();
        let (id, email, balance) = (next().parse(), next().to_owned(), next().parse());
        Self { id: id.unwrap(), email, balance: balance.unwrap() }
    }
}

/// What a read asks for, and a write changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Register {
    Key(i64),
    Email(String),
}

impl Register {
    /// What it holds in a state of the table.
    pub fn of<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        rows.iter().find(|row| match self {
            Self::Key(id) => row.id == *id,
            Self::Email(email) => row.email == *email,
        })
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id}"),
            Self::Email(email) => write!(f, "{email}"),
        }
    }
}

/// A place in the order of all that happened, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub tick: u64,
    pub time: Duration,
}

/// The state that a commit left.
#[derive(Clone, Debug)]
pub struct Commit {
    pub at: Point,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug)]
pub struct Read {
    pub process: usize,
    pub register: Register,
    pub value: Option<Row>,
    pub began: Point,
    pub ended: Point,
}

/// What a write means to have done to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The row has this balance; `based` is the one that it must have had before.
    Set { id: i64, balance: i64, based: Option<i64> },
    /// The row that had this balance is gone.
    Gone { id: i64, balance: i64 },
}

/// What a writer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is done: by `Ok`, or by an error that says so.
    Done,
    /// It is not done and never will be.
    Refused,
    /// Nobody knows.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Write {
    pub process: usize,
    pub deeds: Vec<Deed>,
    pub told: Told,
    pub ended: Point,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub commits: Vec<Commit>,
    pub reads: Vec<Read>,
    pub writes: Vec<Write>,
    /// What was found wrong on the way.
    pub faults: Vec<String>,
    /// When the store first failed to answer, or lost an answer.
    pub store_failed: Option<u64>,
    tick: u64,
    numbers: u64,
}

impl History {
    pub fn point(&mut self, time: Duration) -> Point {
        self.tick += 1;
        Point { tick: self.tick, time }
    }

    /// A number that was not given before: for a transaction, or a balance.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub fn commit(&mut self, time: Duration, rows: Vec<Row>) {
        let at = self.point(time);
        self.commits.push(Commit { at, rows });
    }

    pub fn store_fails(&mut self) {
        self.tick += 1;
        self.store_failed.get_or_insert(self.tick);
    }
}
