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

/// A row of the table `items`: a member of the account that it names. No two writes give the same
/// amount, and none gives an account's balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: i64,
    pub account: i64,
    pub amount: i64,
}

impl Item {
    /// `id|account|amount`.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('|').map(|part| part.parse().unwrap());
        let mut next = || parts.next().unwrap_or_default();
        Self { id: next(), account: next(), amount: next() }
    }
}

/// What is in both tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub rows: Vec<Row>,
    pub items: Vec<Item>,
}

/// What a read asks for, and a write changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Register {
    Key(i64),
    Email(String),
    Item(i64),
    /// All items of an account.
    Items(i64),
}

/// What a register holds, in a state of the tables.
#[derive(Debug, PartialEq, Eq)]
pub enum Held<'a> {
    Row(Option<&'a Row>),
    Item(Option<&'a Item>),
    Items(Vec<&'a Item>),
}

impl Held<'_> {
    /// The number that tells what was written from all else that was.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Row(row) => row.map(|row| row.balance),
            Self::Item(item) => item.map(|item| item.amount),
            Self::Items(_) => None,
        }
    }

    /// Without what makes it long.
    pub fn show(&self) -> String {
        match self {
            Self::Items(items) => {
                format!("{:?}", items.iter().map(|item| (item.id, item.amount)).collect::<Vec<_>>())
            }
            one => format!("{:?}", one.number()),
        }
    }
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Row(Option<Row>),
    Item(Option<Item>),
    Items(Vec<Item>),
}

impl Value {
    pub fn held(&self) -> Held<'_> {
        match self {
            Self::Row(row) => Held::Row(row.as_ref()),
            Self::Item(item) => Held::Item(item.as_ref()),
            Self::Items(items) => Held::Items(items.iter().collect()),
        }
    }
}

impl Register {
    pub fn of<'a>(&self, tables: &'a Tables) -> Held<'a> {
        let Tables { rows, items } = tables;
        match self {
            Self::Key(id) => Held::Row(rows.iter().find(|row| row.id == *id)),
            Self::Email(email) => Held::Row(rows.iter().find(|row| row.email == *email)),
            Self::Item(id) => Held::Item(items.iter().find(|item| item.id == *id)),
            Self::Items(account) => {
                Held::Items(items.iter().filter(|item| item.account == *account).collect())
            }
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id}"),
            Self::Email(email) => write!(f, "{email}"),
            Self::Item(id) => write!(f, "item {id}"),
            Self::Items(account) => write!(f, "items of {account}"),
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
    pub tables: Tables,
}

#[derive(Clone, Debug)]
pub struct Read {
    pub process: usize,
    pub register: Register,
    pub value: Value,
    /// The read of the root, where this one is of the members that were found with it.
    pub root: Option<usize>,
    pub began: Point,
    pub ended: Point,
}

/// What a write means to have done to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The row has this number; `based` is the one that it must have had before.
    Set { of: Register, number: i64, based: Option<i64> },
    /// The row that had this number is gone.
    Gone { of: Register, number: i64 },
}

impl Deed {
    pub fn set(of: Register, number: i64) -> Self {
        Self::Set { of, number, based: None }
    }

    pub fn of(&self) -> &Register {
        match self {
            Self::Set { of, .. } | Self::Gone { of, .. } => of,
        }
    }
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

    pub fn commit(&mut self, time: Duration, tables: Tables) {
        let at = self.point(time);
        self.commits.push(Commit { at, tables });
    }

    pub fn store_fails(&mut self) {
        self.tick += 1;
        self.store_failed.get_or_insert(self.tick);
    }
}
