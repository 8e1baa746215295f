//! What the processes of a schedule share: the time, and the list of what they have asked for and
//! not been given yet. Nothing happens in a world but by its scheduler.

use std::fmt::Write as _;
use std::future::{Future, pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cache_runtime::ports::BoxFuture;
use cache_runtime::{Error, Result, Token};
use tokio::sync::oneshot;

use crate::history::History;
use crate::ports::Time;

/// What a process asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client's turn to begin its next act.
    Turn,
    Get,
    Lease,
    Fill,
    Release,
    Invalidate,
    Fence,
    Renew,
    Lift,
    Time,
    Mark,
    Load,
    /// Asks what became of a transaction.
    Outcome,
    Begin,
    Statement,
    Save,
    EndSave,
    Commit,
    Rollback,
    /// The rollback of a transaction that was dropped.
    Undo,
    /// Another program sends an event.
    Tell,
    /// Events are read, acknowledged.
    Hear,
    Acknowledge,
}

impl Kind {
    pub fn is_source(self) -> bool {
        matches!(self, Self::Hear | Self::Acknowledge)
    }

    pub fn is_store(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Get | Lease | Fill | Release | Invalidate | Fence | Renew | Lift | Time | Mark
        )
    }
}

/// An operation that was asked for.
pub struct Pending {
    pub number: u64,
    pub process: usize,
    pub kind: Kind,
    pub label: String,
    /// The transaction of which it is a part.
    pub transaction: Option<u64>,
    /// Its caller has been told of a failure, yet it may still take effect.
    pub late: bool,
    pub operation: Box<dyn Operation>,
}

/// An operation whatever its answer.
pub trait Operation: Send {
    /// Executes it; the answer reaches the caller only if `tell`. Gives the answer as text.
    fn run(&mut self, tell: bool) -> BoxFuture<'static, String>;
    /// Tells the caller that it failed.
    fn fail(&mut self, error: Error);
    /// Whether somebody waits for the answer.
    fn is_awaited(&self) -> bool;
}

type Action<T> = Box<dyn FnOnce() -> BoxFuture<'static, Result<T>> + Send>;

struct Typed<T> {
    action: Option<Action<T>>,
    answer: Option<oneshot::Sender<Result<T>>>,
    show: fn(&T) -> String,
}

impl<T: Send + 'static> Operation for Typed<T> {
    fn run(&mut self, tell: bool) -> BoxFuture<'static, String> {
        let Some(action) = self.action.take() else { return Box::pin(ready(String::new())) };
        let answer = self.answer.take_if(|_| tell);
        let show = self.show;
        Box::pin(async move {
            let result = action().await;
            let shown = match &result {
                Ok(value) => show(value),
                Err(error) => format!("{:?}", error.kind()),
            };
            if let Some(answer) = answer {
                // What nobody takes is dropped, a transaction with its connection too.
                let _ = answer.send(result);
            }
            shown
        })
    }

    fn fail(&mut self, error: Error) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Err(error));
        }
    }

    fn is_awaited(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }
}

/// How an operation comes to be executed.
enum Way<T> {
    /// At once.
    Now(Action<T>),
    /// When the scheduler says so; this tells the answer.
    Told(oneshot::Receiver<Result<T>>),
    /// Not at all: the process has crashed.
    Never,
}

/// A task of a process that sleeps.
pub struct Sleeper {
    pub until: Duration,
    pub process: usize,
    alarm: oneshot::Sender<()>,
}

/// The one transaction that writes.
#[derive(Clone, Copy)]
pub struct Open {
    pub number: u64,
    pub process: usize,
}

/// A fence that the store has put up.
pub struct Standing {
    pub process: usize,
    pub token: Token,
    pub until: Duration,
}

#[derive(Default)]
pub struct State {
    /// Everything is executed at once: before a schedule and after it.
    pub free: bool,
    pub pending: Vec<Pending>,
    pub sleepers: Vec<Sleeper>,
    pub crashed: Vec<usize>,
    pub open: Option<Open>,
    pub fences: Vec<Standing>,
    pub history: History,
    pub trace: String,
    /// The clients that are in the middle of an act.
    pub busy: usize,
    /// Whether two of them ever were at once.
    pub overlapped: bool,
    /// What was asked for and written down since nothing could run the last time.
    asked: Vec<(Option<usize>, Pending)>,
    notes: Vec<String>,
    numbers: u64,
}

tokio::task_local! {
    /// The client whose task this is.
    pub static CLIENT: usize;
}

pub struct World {
    pub time: Time,
    state: Mutex<State>,
}

impl World {
    pub fn new(time: Time) -> Arc<Self> {
        time.set(Duration::from_secs(1));
        let state = State { free: true, ..State::default() };
        Arc::new(Self { time, state: Mutex::new(state) })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Asks for an operation, and waits for what the scheduler makes of it.
    pub async fn ask<T: Send + 'static>(
        &self,
        asked: Asked,
        show: fn(&T) -> String,
        action: impl FnOnce() -> BoxFuture<'static, Result<T>> + Send + 'static,
    ) -> Result<T> {
        match self.enlist(asked, show, Box::new(action)) {
            Way::Now(action) => action().await,
            Way::Told(told) => match told.await {
                Ok(answer) => answer,
                // The process crashed meanwhile.
                Err(_) => pending().await,
            },
            Way::Never => pending().await,
        }
    }

    fn enlist<T: Send + 'static>(
        &self,
        asked: Asked,
        show: fn(&T) -> String,
        action: Action<T>,
    ) -> Way<T> {
        let mut state = self.state();
        if state.crashed.contains(&asked.process) {
            return Way::Never;
        }
        if state.free {
            return Way::Now(action);
        }
        let (answer, told) = oneshot::channel();
        state.add(asked, Typed { action: Some(action), answer: Some(answer), show });
        Way::Told(told)
    }

    /// Asks for what nobody waits for.
    pub fn ask_later(
        &self,
        asked: Asked,
        action: impl FnOnce() -> BoxFuture<'static, Result<()>> + Send + 'static,
    ) {
        let typed =
            Typed { action: Some(Box::new(action)), answer: None, show: |()| "done".into() };
        self.state().add(asked, typed);
    }

    pub fn sleep(&self, process: usize, duration: Duration) -> impl Future<Output = ()> + use<> {
        let (alarm, rung) = oneshot::channel();
        let until = self.time.now() + duration;
        self.state().sleepers.push(Sleeper { until, process, alarm });
        async move {
            if rung.await.is_err() {
                pending::<()>().await;
            }
        }
    }

    /// Moves the time on, and wakes those whose time has come. Whether there were any.
    pub fn advance(&self, to: Duration) -> bool {
        self.time.set(to.max(self.time.now()));
        let mut state = self.state();
        let (due, rest) = state.sleepers.drain(..).partition(|sleeper| sleeper.until <= to);
        state.sleepers = rest;
        let due: Vec<Sleeper> = due;
        let woken = !due.is_empty();
        for sleeper in due {
            let _ = sleeper.alarm.send(());
        }
        woken
    }
}

/// Who asks for what.
pub struct Asked {
    pub process: usize,
    pub kind: Kind,
    pub label: String,
    pub transaction: Option<u64>,
}

impl State {
    fn add(&mut self, asked: Asked, operation: impl Operation + 'static) {
        let Asked { process, kind, label, transaction } = asked;
        let (operation, late) = (Box::new(operation), false);
        let pending = Pending { number: 0, process, kind, label, transaction, late, operation };
        self.asked.push((CLIENT.try_with(|client| *client).ok(), pending));
    }

    /// Nothing can run: puts what was asked for in an order of its own. Who waited for one answer
    /// was woken in an order that tokio draws by lot.
    pub fn settle(&mut self) {
        let mut asked = std::mem::take(&mut self.asked);
        asked.sort_by(|(client, one), (other, two)| {
            (client, one.process, one.kind as u8, &one.label).cmp(&(
                other,
                two.process,
                two.kind as u8,
                &two.label,
            ))
        });
        for (_, mut pending) in asked {
            self.numbers += 1;
            pending.number = self.numbers;
            self.pending.push(pending);
        }
        let mut notes = std::mem::take(&mut self.notes);
        notes.sort();
        for note in notes {
            self.note(note);
        }
    }

    /// When the next sleeper wakes.
    pub fn next_alarm(&mut self) -> Option<Duration> {
        let crashed = &self.crashed;
        self.sleepers
            .retain(|sleeper| !sleeper.alarm.is_closed() && !crashed.contains(&sleeper.process));
        self.sleepers.iter().map(|sleeper| sleeper.until).min()
    }

    /// The transaction has ended, and with it all that was asked for in it.
    pub fn close(&mut self, transaction: u64) {
        self.open.take_if(|open| open.number == transaction);
        self.asked.retain(|(_, pending)| pending.transaction != Some(transaction));
        self.pending.retain(|pending| pending.transaction != Some(transaction));
    }

    /// Writes down what a client was told.
    pub fn note_of_client(&mut self, line: String) {
        self.notes.push(line);
    }

    pub fn note(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.trace, "{line}");
    }
}
