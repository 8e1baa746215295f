//! Who goes next. Every effect of the code under test waits here until the scheduler lets it
//! happen, and a seeded generator chooses among all that wait. So a seed is a schedule, and the
//! same seed the same schedule.

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;

/// A small generator whose numbers are the same everywhere (splitmix64, by Steele, Lea and
/// Flood).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }
}

/// Which faults may befall a schedule.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The store refuses, loses answers, or executes late.
    pub store: bool,
    /// The store forgets everything.
    pub forgets: bool,
    /// A process dies.
    pub crashes: bool,
    /// A caller goes away.
    pub cancels: bool,
    /// The answer to a COMMIT is lost.
    pub commits: bool,
    /// A COMMIT whose answer was lost may take effect later.
    pub late_commits: bool,
    /// Time passes only while nothing but COMMITs is under way, as the promise assumes.
    pub steady_clock: bool,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is executed and answered.
    Done,
    /// It is not executed, and fails.
    Refused,
    /// It is executed, and its answer lost.
    Unanswered,
    /// It fails, and is executed some time later.
    Late,
}

/// What an operation is, as far as the scheduler cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request to the store; it may meet a fault.
    Store(&'static str),
    /// Begins a write transaction: only one can be open.
    Begin,
    /// A COMMIT.
    Commit,
    /// Any other step, which just happens.
    Step(&'static str),
    /// Ends at this time.
    Sleep(Duration),
}

struct Waiting {
    process: usize,
    kind: Kind,
    go: oneshot::Sender<Fate>,
}

/// The state of one schedule.
pub struct State {
    pub dice: Dice,
    pub faults: Faults,
    pub now: Duration,
    /// How many steps were taken: the time of histories.
    pub step: u64,
    /// Whether a fault of the store, a flush or a crash has happened.
    pub troubled: bool,
    /// Whether two operations waited at once, or a fault happened.
    pub eventful: bool,
    pub writer_open: bool,
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    dead: Vec<bool>,
    /// Operations that are being executed, which may wait for a real server.
    executing: usize,
    idle: bool,
    scheduler: Option<Waker>,
    /// While caches are built everything just happens.
    free: bool,
    trace: Vec<String>,
    keep_trace: bool,
    hash: DefaultHasher,
}

/// A schedule, shared by everything that waits in it.
#[derive(Clone)]
pub struct Sim(Arc<Mutex<State>>);

/// What the scheduler did.
pub enum Turn {
    /// One step.
    Step,
    /// The store is to forget everything.
    Flush,
    /// This process is to die.
    Crash(usize),
    /// Some caller is to go away.
    Cancel,
    /// Nothing waits any more.
    Still,
}

impl Sim {
    pub fn new(seed: u64, processes: usize, faults: Faults, keep_trace: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            dice: Dice::new(seed),
            faults,
            now: Duration::from_secs(1),
            step: 0,
            troubled: false,
            eventful: false,
            writer_open: false,
            waiting: BTreeMap::new(),
            next: 0,
            dead: vec![false; processes],
            executing: 0,
            idle: false,
            scheduler: None,
            free: true,
            trace: Vec::new(),
            keep_trace,
            hash: DefaultHasher::new(),
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn start(&self) {
        self.state().free = false;
    }

    /// Lets everything happen from now on, for what is asked at the end.
    pub fn release(&self) {
        let waiting = {
            let mut state = self.state();
            state.free = true;
            std::mem::take(&mut state.waiting)
        };
        for (_, waiting) in waiting {
            if !matches!(waiting.kind, Kind::Sleep(_)) && !self.is_dead(waiting.process) {
                let _ = waiting.go.send(Fate::Done);
            }
        }
    }

    pub fn is_dead(&self, process: usize) -> bool {
        self.state().dead[process]
    }

    pub fn now(&self) -> Duration {
        self.state().now
    }

    /// The next point in the order of all that happens.
    pub fn tick(&self) -> u64 {
        let mut state = self.state();
        state.step += 1;
        state.step
    }

    /// Waits until the scheduler lets this happen. A dead process waits for ever.
    pub async fn ask(&self, process: usize, kind: Kind) -> Fate {
        let asked = {
            let mut state = self.state();
            if state.free && !matches!(kind, Kind::Sleep(_)) && !state.dead[process] {
                None
            } else {
                let (go, answer) = oneshot::channel();
                let id = state.next;
                state.next += 1;
                state.waiting.insert(id, Waiting { process, kind, go });
                Some(answer)
            }
        };
        match asked {
            None => Fate::Done,
            Some(answer) => match answer.await {
                Ok(fate) => fate,
                // The schedule is over.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Executes something that may wait for a real server: nothing else goes on meanwhile.
    pub async fn execute<T>(&self, work: impl Future<Output = T>) -> T {
        self.state().executing += 1;
        let guard = Executing(self.clone());
        let result = work.await;
        drop(guard);
        result
    }

    /// Called whenever the runtime has nothing more to run.
    pub fn parked(&self) {
        let mut state = self.state();
        if state.executing == 0 {
            state.idle = true;
            if let Some(waker) = state.scheduler.take() {
                waker.wake();
            }
        }
    }

    /// Ends when nothing can go on without the scheduler.
    pub async fn quiet(&self) {
        self.state().idle = false;
        Quiet(self.clone()).await;
    }

    pub fn kill(&self, process: usize) {
        let mut state = self.state();
        state.dead[process] = true;
        state.troubled = true;
        state.eventful = true;
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        let mut state = self.state();
        if state.keep_trace {
            let line = format!("{:>4}  {}", state.step, what());
            state.trace.push(line);
        }
    }

    pub fn trace(&self) -> Vec<String> {
        std::mem::take(&mut self.state().trace)
    }

    pub fn fingerprint(&self) -> u64 {
        self.state().hash.finish()
    }

    /// Lets one thing happen.
    pub fn turn(&self) -> Turn {
        let mut state = self.state();
        state.step += 1;
        let turn = state.choose();
        let (number, hash) = match &turn {
            Turn::Step => (0, 0),
            Turn::Flush => (1, 0),
            Turn::Crash(process) => (2, *process),
            Turn::Cancel => (3, 0),
            Turn::Still => (4, 0),
        };
        (number, hash).hash(&mut state.hash);
        turn
    }
}

impl State {
    fn choose(&mut self) -> Turn {
        if self.faults.forgets && self.dice.percent(2) {
            (self.troubled, self.eventful) = (true, true);
            return Turn::Flush;
        }
        if self.faults.cancels && self.dice.percent(2) {
            return Turn::Cancel;
        }
        if self.faults.crashes && self.dice.percent(2) && !self.dead[0] {
            return Turn::Crash(0);
        }
        let live = |waiting: &Waiting| !self.dead[waiting.process];
        let is_sleep = |waiting: &Waiting| matches!(waiting.kind, Kind::Sleep(_));
        let ready: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| live(waiting) && !is_sleep(waiting))
            .filter(|(_, waiting)| waiting.kind != Kind::Begin || !self.writer_open)
            .map(|(id, _)| *id)
            .collect();
        let sleeper = self
            .waiting
            .iter()
            .filter(|(_, waiting)| live(waiting))
            .filter_map(|(id, waiting)| match waiting.kind {
                Kind::Sleep(until) => Some((until, *id)),
                _ => None,
            })
            .min();
        self.eventful |= ready.len() > 1;
        let only_commits = || ready.iter().all(|id| matches!(self.waiting[id].kind, Kind::Commit));
        let may_sleep =
            ready.is_empty() || if self.faults.steady_clock { only_commits() } else { true };
        let wake = may_sleep && (ready.is_empty() || self.dice.clone().percent(10));
        self.dice.next();
        if let Some((until, id)) = sleeper.filter(|_| wake) {
            self.now = self.now.max(until);
            self.go(id, Fate::Done);
            return Turn::Step;
        }
        if ready.is_empty() {
            return Turn::Still;
        }
        let id = ready[self.dice.below(ready.len())];
        let fate = self.fate(self.waiting[&id].kind);
        self.go(id, fate);
        Turn::Step
    }

    fn fate(&mut self, kind: Kind) -> Fate {
        let fate = match kind {
            // A fence that nobody renews in time is not what the promise is about.
            Kind::Store("renew") => Fate::Done,
            Kind::Store(_) if self.faults.store && self.dice.percent(12) => {
                self.troubled = true;
                [Fate::Refused, Fate::Unanswered, Fate::Late][self.dice.below(3)]
            }
            Kind::Commit if self.faults.commits && self.dice.percent(15) => {
                self.troubled = true;
                let fates = [Fate::Refused, Fate::Unanswered, Fate::Late];
                fates[self.dice.below(2 + usize::from(self.faults.late_commits))]
            }
            _ => Fate::Done,
        };
        self.eventful |= fate != Fate::Done;
        fate
    }

    fn go(&mut self, id: u64, fate: Fate) {
        let Some(waiting) = self.waiting.remove(&id) else { return };
        (id, fate as u8).hash(&mut self.hash);
        if self.keep_trace {
            let line = format!(
                "{:>4}  process {} {:?}{}",
                self.step,
                waiting.process,
                waiting.kind,
                if fate == Fate::Done { String::new() } else { format!(" -> {fate:?}") }
            );
            self.trace.push(line);
        }
        // Whoever waited may be gone.
        let _ = waiting.go.send(fate);
    }
}

struct Executing(Sim);

impl Drop for Executing {
    fn drop(&mut self) {
        self.0.state().executing -= 1;
    }
}

struct Quiet(Sim);

impl Future for Quiet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        if state.idle {
            return Poll::Ready(());
        }
        state.scheduler = Some(context.waker().clone());
        Poll::Pending
    }
}
