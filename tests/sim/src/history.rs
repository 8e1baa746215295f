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
    /// The events that wait in their table.
    pub events: Vec<i64>,
}

impl Tables {
    /// Does what a write says that is pending for a row: `kind|payload`.
    pub fn apply(&mut self, pending: &str) {
        let (kind, payload) = pending.split_once('|').unwrap();
        let says: serde_json::Value = serde_json::from_str(payload).unwrap();
        let id = says["id"].as_i64().unwrap();
        self.rows.retain(|row| row.id != id);
        match kind {
            "0" => {
                let email = says["email"].as_str().unwrap().to_owned();
                self.rows.push(Row { id, email, balance: says["balance"].as_i64().unwrap() });
            }
            "1" => {}
            _ => unreachable!("nobody enqueues deltas here"),
        }
        self.rows.sort_by_key(|row| row.id);
    }
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
        let Tables { rows, items, .. } = tables;
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
    /// Which transaction it ended.
    pub transaction: u64,
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
pub enum Answer {
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
    pub told: Answer,
    pub ended: Point,
}

/// An event that tells of a change past the cache.
#[derive(Clone, Debug)]
pub struct Told {
    pub number: i64,
    /// Which changes it tells of.
    pub transaction: u64,
    pub at: Duration,
    /// When it was acknowledged, or set aside, or the gap closed in which it was lost.
    pub taken: Option<u64>,
    /// The row that it is about, and the name of its entry; none if nobody can read it.
    pub row: Option<(i64, String)>,
    /// Who has read it, of the processes that do nothing else.
    pub readers: Vec<usize>,
    /// When the first of these had removed the entry.
    pub heard: Option<u64>,
}

impl Told {
    pub fn new(number: i64, transaction: u64, at: Duration) -> Self {
        let (taken, row, readers, heard) = (None, None, Vec::new(), None);
        Self { number, transaction, at, taken, row, readers, heard }
    }
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub commits: Vec<Commit>,
    pub reads: Vec<Read>,
    pub writes: Vec<Write>,
    pub told: Vec<Told>,
    /// What was found wrong on the way.
    pub faults: Vec<String>,
    /// When the store first failed to answer, or lost an answer.
    pub store_failed: Option<u64>,
    /// When anything else first went wrong that may delay what is told of.
    pub suffered: Option<u64>,
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

    pub fn commit(&mut self, time: Duration, tables: Tables, transaction: u64) {
        let at = self.point(time);
        // Events of the table tell of their own transaction, and are gone when they are taken.
        let before = self.commits.last().map(|commit| &commit.tables.events[..]);
        let before = before.unwrap_or_default();
        for event in &mut self.told {
            if before.contains(&event.number) && !tables.events.contains(&event.number) {
                event.taken.get_or_insert(at.tick);
            }
        }
        let new = tables.events.iter().filter(|number| !before.contains(number));
        let new = new.map(|number| Told::new(*number, transaction, time));
        self.told.extend(new);
        self.commits.push(Commit { at, tables, transaction });
    }

    /// These were acknowledged, or are as good as that.
    pub fn take(&mut self, numbers: &[i64]) {
        self.tick += 1;
        for event in &mut self.told {
            if numbers.contains(&event.number) {
                event.taken.get_or_insert(self.tick);
            }
        }
    }

    /// A process has removed the entries of these names. Of two events about one row nobody can
    /// say for which that was.
    pub fn hear(&mut self, process: usize, entries: &str) {
        self.tick += 1;
        let is_it = |(_, name): &(i64, String)| entries.split(' ').any(|entry| entry == name);
        let concerned = |told: &&mut Told| {
            let reads = told.taken.is_none() && told.readers.contains(&process);
            reads && told.row.as_ref().is_some_and(is_it)
        };
        let mut events: Vec<&mut Told> = self.told.iter_mut().filter(concerned).collect();
        let mut rows: Vec<i64> =
            events.iter().filter_map(|told| told.row.as_ref()).map(|(id, _)| *id).collect();
        rows.sort_unstable();
        for told in &mut events {
            let Some((row, _)) = &told.row else { continue };
            if rows.iter().filter(|other| *other == row).count() == 1 {
                told.heard.get_or_insert(self.tick);
            }
        }
    }

    pub fn suffers(&mut self) {
        self.tick += 1;
        self.suffered.get_or_insert(self.tick);
    }

    pub fn store_fails(&mut self) {
        self.tick += 1;
        self.store_failed.get_or_insert(self.tick);
    }
}
