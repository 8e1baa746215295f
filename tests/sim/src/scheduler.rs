//! Decides, whenever nothing can run, what happens next.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{BoxFuture, Store};
use cache_runtime::{EntryKey, ErrorKind};
use tokio::task::JoinHandle;

use crate::database::{Link, Shared, broken, roll_back};
use crate::mode::{AHEAD, Mode};
use crate::plan::Plan;
use crate::quiet::Quiet;
use crate::rng::Rng;
use crate::stream::Stream;
use crate::world::{Kind, Pending, World};

/// A schedule that is not done after so many steps goes on without faults.
const LONGEST: usize = 400;
/// And one that is not done after so many has hung.
const ENDLESS: usize = 4000;

/// The task of a client.
pub struct Running {
    pub process: usize,
    pub task: JoinHandle<()>,
}

pub struct Scheduler<'a, C> {
    pub world: &'a Arc<World>,
    pub plan: &'a Plan,
    pub rng: Rng,
    pub quiet: &'a Quiet,
    pub links: &'a Shared<C>,
    pub store: Arc<dyn Store>,
    pub stream: Stream,
    pub flush: &'a (dyn Fn() -> BoxFuture<'static, ()> + Sync),
    /// The entries that a schedule can meet.
    pub keys: Vec<EntryKey>,
    pub clients: Vec<Running>,
    pub budget: usize,
    /// How many operations the store will still refuse.
    pub away: usize,
    pub faults: usize,
}

impl<C: Link> Scheduler<'_, C> {
    /// Until every client has come to its end.
    pub async fn run(&mut self) -> Result<(), String> {
        for step in 0..ENDLESS {
            self.settle().await;
            if self.clients.iter().all(|client| client.task.is_finished()) {
                return Ok(());
            }
            if step == LONGEST {
                self.calm();
            }
            if !self.step().await {
                break;
            }
        }
        Err("a client hangs: nothing is left that it could wait for".to_owned())
    }

    /// Waits until nothing can run.
    async fn settle(&self) {
        self.quiet.reached().await;
        self.world.state().settle();
    }

    /// Nothing goes wrong from here on.
    pub fn calm(&mut self) {
        (self.budget, self.away) = (0, 0);
    }

    /// Serves what is under way, and whoever sleeps until this moment.
    pub async fn drain(&mut self, until: Duration) -> Result<(), String> {
        self.calm();
        for _ in 0..ENDLESS {
            self.settle().await;
            if self.eligible().is_empty() {
                let alarm = self.world.state().next_alarm().filter(|alarm| *alarm <= until);
                let Some(alarm) = alarm else {
                    self.world.advance(until);
                    return Ok(());
                };
                self.world.advance(alarm);
            } else {
                self.step().await;
            }
        }
        Err("the work after the last client does not end".to_owned())
    }

    /// The numbers of the operations that can be executed.
    fn eligible(&self) -> Vec<u64> {
        let state = self.world.state();
        let free = |pending: &&Pending| pending.kind != Kind::Begin || state.open.is_none();
        state.pending.iter().filter(free).map(|pending| pending.number).collect()
    }

    /// Makes one thing happen; false if there was nothing.
    async fn step(&mut self) -> bool {
        // Nothing takes no time at all.
        if self.world.advance(self.world.time.now() + Duration::from_micros(10)) {
            return true;
        }
        if self.budget > 0 && self.rng.percent(self.plan.rate) && self.fault().await {
            self.budget -= 1;
            self.faults += 1;
            return true;
        }
        let eligible = self.quick(self.eligible());
        let hurry = self.haste(&eligible);
        if eligible.is_empty() || self.rng.percent(hurry) {
            if self.pass_time(eligible.is_empty()) {
                return true;
            }
            if eligible.is_empty() {
                return false;
            }
        }
        let number = self.choose(&eligible);
        self.serve(number).await;
        true
    }

    /// Those that are not slow, if there are any.
    fn quick(&mut self, eligible: Vec<u64>) -> Vec<u64> {
        if self.rng.percent(4) {
            return eligible;
        }
        let quick: Vec<u64> =
            eligible.iter().copied().filter(|number| !self.is_slow(*number)).collect();
        if quick.is_empty() { eligible } else { quick }
    }

    fn is_slow(&self, number: u64) -> bool {
        let state = self.world.state();
        let slow = |pending: &Pending| {
            let late = pending.late && self.plan.slow_late;
            pending.number == number && (late || self.plan.slow.contains(&pending.kind))
        };
        state.pending.iter().any(slow)
    }

    /// How likely time passes while something is under way, in percent.
    fn haste(&self, eligible: &[u64]) -> u32 {
        if self.plan.ground.real_time {
            return 0;
        }
        if !self.plan.jumps {
            return 3;
        }
        let usual = if self.plan.mode.has_events() { 15 } else { 8 };
        if eligible.iter().all(|number| self.is_slow(*number)) { 60 } else { usual }
    }

    /// One at random; or the one that chance likes best, so that others wait long.
    fn choose(&mut self, eligible: &[u64]) -> u64 {
        if !self.plan.starves || self.rng.percent(15) {
            return *self.rng.pick(eligible);
        }
        let liking = |number: &u64| Rng::new(self.plan.seed ^ number.rotate_left(40)).next();
        eligible.iter().copied().max_by_key(liking).unwrap_or_default()
    }

    pub fn take(&self, number: u64) -> Pending {
        let mut state = self.world.state();
        let at = state.pending.iter().position(|pending| pending.number == number).unwrap();
        state.pending.remove(at)
    }

    pub fn note(&self, what: &str, pending: &Pending, answer: &str) {
        let Pending { process, kind, label, .. } = pending;
        let now = self.world.time.now();
        self.world
            .state()
            .note(format_args!("{now:.1?} p{process} {kind:?} {label} {what}{answer}"));
    }

    /// Executes an operation in the usual way.
    async fn serve(&mut self, number: u64) {
        let mut pending = self.take(number);
        if self.away > 0 && pending.kind.is_store() {
            self.away -= 1;
            self.world.state().history.store_fails();
            self.note("refused, the store is away", &pending, "");
            pending.operation.fail(broken(ErrorKind::Store));
            return;
        }
        if pending.late {
            return self.serve_late(pending).await;
        }
        // Its caller has gone away: it may have been sent, or not.
        let is_orphan = !pending.operation.is_awaited() && pending.kind != Kind::Undo;
        if is_orphan && self.rng.percent(50) {
            return self.note("never sent", &pending, "");
        }
        let answer = pending.operation.run(true).await;
        self.note("-> ", &pending, &answer);
    }

    async fn serve_late(&mut self, mut pending: Pending) {
        let happens = if pending.kind.is_store() { 80 } else { 50 };
        if self.rng.percent(happens) {
            let answer = pending.operation.run(false).await;
            self.note("late -> ", &pending, &answer);
        } else if let Some(transaction) = pending.transaction {
            roll_back(&mut self.links.lock().unwrap().writer).unwrap();
            self.world.state().close(transaction);
            self.note("late, rolled back", &pending, "");
        } else {
            self.note("late, lost", &pending, "");
        }
    }

    /// Lets time pass; false if it may not, or if nobody waits for it.
    fn pass_time(&mut self, idle: bool) -> bool {
        let alarm = self.world.state().next_alarm();
        let jump = *self.rng.pick(&[1, 100, 1000, 3400, 5000, 9000, 10_500]);
        let jump = self.world.time.now() + Duration::from_millis(jump);
        let fenced = self.plan.mode.is_fenced() || self.plan.mode == Mode::Streamed;
        let to = match alarm {
            // Whoever keeps a fence up is woken in time.
            Some(alarm) if self.plan.jumps && !idle && self.budget_lets_jump() => {
                if fenced {
                    jump.min(alarm)
                } else {
                    jump
                }
            }
            Some(alarm) => alarm,
            None if self.plan.jumps && !idle => jump,
            None => return false,
        };
        if !self.may_pass(to, alarm) || !idle && !self.is_told_in_time(to) {
            return false;
        }
        self.world.advance(to);
        self.world.state().note(format_args!("{to:.1?} is the time"));
        true
    }

    fn budget_lets_jump(&mut self) -> bool {
        self.rng.percent(60)
    }

    /// `strict(fenced)` holds if no COMMIT takes effect after its fence's life. Where the store
    /// answers, the fence is renewed for as long as that takes; where it does not, the COMMIT is
    /// assumed to end in time.
    fn may_pass(&self, to: Duration, alarm: Option<Duration>) -> bool {
        let state = self.world.state();
        let Some(open) = state.open.filter(|_| self.plan.mode.is_fenced()) else { return true };
        let own = |process: usize| process == open.process;
        if !state.fences.iter().any(|fence| own(fence.process) && fence.until <= to) {
            return true;
        }
        let waits =
            |kind| state.pending.iter().any(|pending| own(pending.process) && pending.kind == kind);
        let is_renewed = !waits(Kind::Renew) && !waits(Kind::Outcome) && waits(Kind::Commit);
        is_renewed && state.history.store_failed.is_none() && alarm.is_none_or(|alarm| to <= alarm)
    }

    /// What the stream tells of becomes visible in time; and a fence is kept up for as long.
    fn is_told_in_time(&self, to: Duration) -> bool {
        if self.plan.mode != Mode::Streamed {
            return true;
        }
        let state = self.world.state();
        let now = self.world.time.now();
        let told = &state.history.told;
        let open = state.open.filter(|open| open.process == self.plan.processes);
        let is_late = open.is_some_and(|open| {
            told.iter().any(|told| told.transaction == open.number && told.at + AHEAD <= to)
        });
        !is_late && !state.fences.iter().any(|fence| now < fence.until && fence.until <= to)
    }

    /// One of the operations of which this holds.
    pub fn target(&mut self, wanted: impl Fn(&Pending) -> bool) -> Option<u64> {
        let eligible = self.eligible();
        let state = self.world.state();
        let fits = |pending: &&Pending| {
            eligible.contains(&pending.number)
                && !pending.late
                && pending.operation.is_awaited()
                && wanted(pending)
        };
        let fitting: Vec<u64> =
            state.pending.iter().filter(fits).map(|pending| pending.number).collect();
        drop(state);
        (!fitting.is_empty()).then(|| *self.rng.pick(&fitting))
    }
}
