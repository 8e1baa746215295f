//! Another program: it changes rows past every cache, and tells of it by events, in the transaction
//! of the change or by a stream.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::Result;
use cache_runtime::ports::{Database as _, Load, Transaction as _};

use crate::client::Busy;
use crate::database::{Link, Nothing, SimDatabase};
use crate::stream::Stream;
use crate::world::{Asked, Kind, World};

/// What it does to a row.
#[derive(Clone, Debug)]
pub enum Change {
    Balance(i64, i64),
    Email(i64, &'static str, i64),
    Insert(i64, &'static str, i64),
    Delete(i64),
}

impl Change {
    fn id(&self) -> i64 {
        match self {
            Self::Balance(id, _)
            | Self::Email(id, ..)
            | Self::Insert(id, ..)
            | Self::Delete(id) => *id,
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Balance(id, balance) => {
                format!("UPDATE accounts SET balance = {balance} WHERE id = {id}")
            }
            Self::Email(id, email, balance) => format!(
                "UPDATE accounts SET email = '{email}', balance = {balance} WHERE id = {id}"
            ),
            Self::Insert(id, email, balance) => format!(
                "INSERT INTO accounts (id, email, balance) VALUES ({id}, '{email}', {balance})"
            ),
            Self::Delete(id) => format!("DELETE FROM accounts WHERE id = {id}"),
        }
    }
}

/// How it tells of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    Once,
    /// By two events of one name, or of none.
    Twice(bool),
    /// By one that says nothing which the model understands.
    Garbled,
}

/// A transaction of it, and a pause before that.
#[derive(Clone, Debug)]
pub struct Deal {
    pub pause: Duration,
    pub change: Change,
    pub tell: Tell,
    /// It tells first, and changes then. The stream may be ahead of the commit.
    pub early: bool,
    pub keep: bool,
}

impl Deal {
    /// The keys and names of its events.
    fn events(&self, number: u64) -> Vec<(String, Option<String>)> {
        let id = self.change.id();
        let name = format!("{number}-{id}");
        match self.tell {
            Tell::Once => vec![(id.to_string(), Some(name))],
            Tell::Twice(true) => vec![(id.to_string(), Some(name)); 2],
            Tell::Twice(false) => vec![(format!("[{id}]"), None); 2],
            Tell::Garbled => vec![(format!("[{id}, {id}]"), Some(name))],
        }
    }
}

pub struct Outside<C> {
    pub world: Arc<World>,
    /// As a process has it that has no cache.
    pub database: SimDatabase<C>,
    pub process: usize,
    /// None where it writes its events into their table.
    pub stream: Option<Stream>,
}

impl<C: Link> Outside<C> {
    pub async fn run(self, deals: Vec<Deal>) {
        for deal in deals {
            self.ask(Kind::Turn, format!("{deal:?}"), || {}).await;
            if !deal.pause.is_zero() {
                self.world.sleep(self.process, deal.pause).await;
            }
            let busy = Busy::new(&self.world);
            // What the database refuses it leaves alone.
            let _ = self.deal(&deal).await;
            drop(busy);
        }
    }

    async fn deal(&self, deal: &Deal) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let number = transaction.number;
        let change = deal.change.sql();
        let events = deal.events(number);
        let inserts: Vec<String> = match &self.stream {
            None => events.iter().map(insert).collect(),
            Some(_) => Vec::new(),
        };
        let statements = match deal.early {
            true => inserts.into_iter().chain([change]).collect::<Vec<_>>(),
            false => std::iter::once(change).chain(inserts).collect(),
        };
        if deal.early {
            self.send(&events, deal, number).await;
        }
        for sql in statements {
            let _: Vec<Nothing> = transaction.load(Load::run(sql)).await?;
        }
        let ended = match deal.keep {
            true => transaction.commit().await,
            false => transaction.rollback().await,
        };
        // Also where nobody knows whether it has committed.
        if !deal.early {
            self.send(&events, deal, number).await;
        }
        ended
    }

    async fn send(&self, events: &[(String, Option<String>)], deal: &Deal, transaction: u64) {
        let Some(stream) = &self.stream else { return };
        for (key, name) in events {
            let row = (deal.tell != Tell::Garbled).then(|| deal.change.id());
            let (stream, world) = (stream.clone(), self.world.clone());
            let (key, name) = (key.clone(), name.clone());
            let send = move || stream.send(&world, key, name, row, transaction);
            self.ask(Kind::Tell, String::new(), send).await;
        }
    }

    async fn ask(&self, kind: Kind, label: String, work: impl FnOnce() + Send + 'static) {
        let asked = Asked { process: self.process, kind, label, transaction: None };
        let action = move || {
            work();
            Box::pin(ready(Ok(()))) as _
        };
        let _ = self.world.ask(asked, |()| String::new(), action).await;
    }
}

fn insert((key, name): &(String, Option<String>)) -> String {
    let name = name.as_ref().map_or("NULL".to_owned(), |name| format!("'{name}'"));
    format!(
        "INSERT INTO cache_events (event_type, row_key, event_id) VALUES ('account', '{key}', {name})"
    )
}
