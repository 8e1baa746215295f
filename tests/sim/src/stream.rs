//! A stream of events outside of the database, as [`EventSource`] describes one: at least once, in
//! any order, ahead of its commit by at most [`AHEAD`]; and trimmed now and then, which it tells.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::Result;
use cache_runtime::ports::{Batch, BoxFuture, DomainEvent, EventSource, Gaps, Guarantee, SetAside};

use crate::history::Told;
use crate::mode::{AHEAD, REDELIVERS};
use crate::store::{name, row_key};
use crate::world::{Asked, Kind, World};

/// How many events are read at once.
const MOST: usize = 2;

/// The stream itself, which all processes share.
#[derive(Clone, Default)]
pub struct Stream(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    waiting: Vec<Waiting>,
    /// The number of the last event, and of the last gap.
    last: i64,
    gap: u64,
    /// Up to this gap all are closed.
    closed: u64,
    /// The events of gaps that are not.
    lost: Vec<(u64, i64)>,
    /// What is there is given in the order in which it was sent, or the other way round.
    backwards: bool,
}

struct Waiting {
    number: i64,
    event: DomainEvent,
    /// Nobody else is given it until then.
    claimed: Duration,
}

impl Stream {
    pub fn new(backwards: bool) -> Self {
        Self(Arc::new(Mutex::new(Shelf { backwards, ..Shelf::default() })))
    }

    pub fn send(
        &self,
        world: &World,
        key: String,
        id: Option<String>,
        row: Option<i64>,
        transaction: u64,
    ) {
        let mut shelf = self.0.lock().unwrap();
        shelf.last += 1;
        let number = shelf.last;
        let event = DomainEvent {
            position: number.to_string(),
            kind: "account".to_owned(),
            key: Some(key),
            id,
            ..DomainEvent::default()
        };
        shelf.waiting.push(Waiting { number, event, claimed: Duration::ZERO });
        let mut told = Told::new(number, transaction, world.time.now());
        told.row = row.map(|id| (id, name(&row_key("accounts", "row", id))));
        world.state().history.told.push(told);
    }

    /// Loses what nobody has acknowledged yet, if there is anything.
    pub fn trim(&self) -> bool {
        let mut shelf = self.0.lock().unwrap();
        if shelf.waiting.is_empty() {
            return false;
        }
        shelf.gap += 1;
        let gap = shelf.gap;
        let lost: Vec<i64> = shelf.waiting.drain(..).map(|waiting| waiting.number).collect();
        shelf.lost.extend(lost.into_iter().map(|number| (gap, number)));
        true
    }

    /// A batch, and up to which gap it tells.
    fn read(&self, now: Duration) -> (Batch, u64) {
        let mut shelf = self.0.lock().unwrap();
        let backwards = shelf.backwards;
        let mut free: Vec<&mut Waiting> =
            shelf.waiting.iter_mut().filter(|waiting| waiting.claimed <= now).collect();
        if backwards {
            free.reverse();
        }
        let claim = |waiting: &mut Waiting| {
            waiting.claimed = now + REDELIVERS;
            waiting.event.clone()
        };
        let events = free.into_iter().take(MOST).map(claim).collect();
        let gap = (shelf.gap > shelf.closed).then(|| "trimmed".to_owned());
        (Batch { events, gap }, shelf.gap)
    }

    /// Gives the numbers of those that were there.
    fn remove(&self, positions: &[String]) -> Vec<i64> {
        let is_it = |waiting: &mut Waiting| positions.contains(&waiting.event.position);
        let removed = &mut self.0.lock().unwrap().waiting;
        removed.extract_if(.., is_it).map(|waiting| waiting.number).collect()
    }

    /// Gives the numbers of the events that were lost in it.
    fn close(&self, up_to: u64) -> Vec<i64> {
        let mut shelf = self.0.lock().unwrap();
        shelf.closed = shelf.closed.max(up_to);
        shelf.lost.extract_if(.., |(gap, _)| *gap <= up_to).map(|(_, number)| number).collect()
    }
}

/// The stream as one process consumes from it.
pub struct SimStream {
    pub stream: Stream,
    pub world: Arc<World>,
    pub process: usize,
    /// It does nothing but consume, so that all that it removes is what it was told.
    pub alone: bool,
    /// The last gap that it was told of.
    pub gap: Arc<Mutex<u64>>,
}

impl SimStream {
    fn ask<'a, T: Send + 'static>(
        &'a self,
        (kind, label): (Kind, String),
        show: fn(&T) -> String,
        work: impl FnOnce(&Stream, &World) -> T + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        let (stream, world) = (self.stream.clone(), self.world.clone());
        let action = move || {
            let answer = work(&stream, &world);
            Box::pin(async move { Ok(answer) }) as _
        };
        let asked = Asked { process: self.process, kind, label, transaction: None };
        Box::pin(self.world.ask(asked, show, action))
    }
}

fn show(batch: &Batch) -> String {
    let events: Vec<&str> = batch.events.iter().map(|event| &*event.position).collect();
    format!("{events:?}{}", if batch.gap.is_some() { ", a gap" } else { "" })
}

impl EventSource for SimStream {
    fn name(&self) -> &str {
        "the stream"
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::new(Gaps::Told, false, AHEAD, REDELIVERS)
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn read(&self) -> BoxFuture<'_, Result<Batch>> {
        let (told, process, alone) = (self.gap.clone(), self.process, self.alone);
        self.ask((Kind::Hear, String::new()), show, move |stream, world| {
            let (batch, gap) = stream.read(world.time.now());
            *told.lock().unwrap() = gap;
            if alone {
                let read = |told: &&mut Told| {
                    batch.events.iter().any(|event| event.position == told.number.to_string())
                };
                let told = &mut world.state().history.told;
                told.iter_mut().filter(read).for_each(|told| told.readers.push(process));
            }
            batch
        })
    }

    fn acknowledge<'a>(&'a self, positions: &'a [String]) -> BoxFuture<'a, Result<()>> {
        let owned = positions.to_vec();
        let done = |(): &()| "done".to_owned();
        self.ask((Kind::Acknowledge, owned.join(" ")), done, move |stream, world| {
            let taken = stream.remove(&owned);
            world.state().history.take(&taken);
        })
    }

    fn keep<'a>(&'a self, events: &'a [SetAside]) -> BoxFuture<'a, Result<()>> {
        let owned: Vec<String> = events.iter().map(|aside| aside.event.position.clone()).collect();
        let done = |(): &()| "kept".to_owned();
        self.ask((Kind::Acknowledge, owned.join(" ")), done, move |stream, world| {
            let taken = stream.remove(&owned);
            world.state().history.take(&taken);
        })
    }

    fn close_gap(&self) -> BoxFuture<'_, Result<()>> {
        let gap = *self.gap.lock().unwrap();
        let done = |(): &()| "closed".to_owned();
        self.ask((Kind::Acknowledge, format!("gap {gap}")), done, move |stream, world| {
            let taken = stream.close(gap);
            world.state().history.take(&taken);
        })
    }
}
