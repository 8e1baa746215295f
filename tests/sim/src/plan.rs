//! What a seed decides before a schedule begins: who does what, and what may go wrong.
//!
//! Each schedule has only a few kinds of acts and of faults, drawn anew: a schedule that has a
//! little of everything seldom has much of what an anomaly needs.

use std::time::Duration;

use crate::accounts::{ItemAct, Step};
use crate::drill::{ahead, drill};
use crate::history::{Item, Row, Tables};
use crate::mode::{Mode, TTL};
use crate::outside::{Change, Deal, Tell};
use crate::rng::Rng;
use crate::world::Kind;

/// How many schedules are drills, in percent.
const DRILLS: u32 = 25;

pub const EMAILS: [&str; 3] = ["ada", "bea", "cyd"];

/// What a client does.
#[derive(Clone, Debug)]
pub enum Act {
    Find(i64),
    FindMany(Vec<i64>),
    FindBy(&'static str),
    Uncached(i64),
    Refresh(i64),
    Invalidate(i64),
    Insert(i64, &'static str, i64),
    Update(i64, Option<&'static str>, i64),
    UpdateAll(i64),
    Upsert(i64, &'static str, i64),
    Delete(i64),
    Save(i64, i64),
    Transaction(Vec<Step>, bool),
    Item(ItemAct),
    Pause(Duration),
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store fails an operation, which has no effect.
    Refuse,
    /// The store executes an operation, and the answer is lost.
    Lose,
    /// The answer is lost, and the operation takes effect later, or not.
    Late,
    /// The store fails each of the next few operations.
    Away,
    /// The store forgets everything.
    Flush,
    /// The store forgets a value.
    Evict,
    /// A process ends, with all that it has asked for.
    Crash,
    /// A client gives up.
    Abort,
    /// The database fails a statement, or gives no connection.
    Statement,
    /// The rows of a statement outside a transaction are lost.
    Rows,
    /// The database refuses to commit.
    CommitRefused,
    /// It commits, and the answer is lost.
    CommitLost,
    /// It rolls back, and the answer is lost.
    CommitGone,
    /// The answer is lost; it commits later, or rolls back.
    CommitLate,
    /// The stream of events fails an operation, or loses the answer.
    Source,
    /// The stream forgets what has not been acknowledged, and tells that it did.
    Trim,
}

impl Fault {
    /// Whether the mode's promise is to hold also then. `strict(fenced)` does not where the store
    /// forgets a fence, nor where a database that cannot be asked commits later.
    pub fn is_assumed(self, mode: Mode, ground: Ground) -> bool {
        match self {
            Self::Flush => !mode.is_fenced(),
            Self::Source | Self::Trim => mode == Mode::Streamed,
            Self::CommitLate => ground.tells_outcome || !mode.is_fenced(),
            _ => true,
        }
    }
}

/// What a schedule runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The database tells what became of a transaction, so that a COMMIT may come late.
    pub tells_outcome: bool,
    /// The store has a clock of its own: the simulated one must not leave it behind.
    pub real_time: bool,
}

pub struct Plan {
    pub seed: u64,
    pub mode: Mode,
    pub ground: Ground,
    pub processes: usize,
    pub initial: Tables,
    /// Clients, each of a process.
    pub scripts: Vec<(usize, Vec<Act>)>,
    /// What another program does.
    pub outside: Vec<Deal>,
    pub faults: Vec<Fault>,
    /// How many faults at most, and how likely one is at each step, in percent.
    pub budget: usize,
    pub rate: u32,
    /// Whether time may pass while operations are under way.
    pub jumps: bool,
    /// Whether some operations are kept waiting for as long as there are others.
    pub starves: bool,
    /// Operations of these kinds are slow: nearly all others come first.
    pub slow: Vec<Kind>,
    /// What takes effect after its caller gave up on it does so late.
    pub slow_late: bool,
    /// The one kind of the store's operations that fail, if they are of one kind.
    pub prey: Option<Kind>,
}

impl Plan {
    pub fn new(mode: Mode, ground: Ground, seed: u64) -> (Self, Rng) {
        let mut rng = Rng::new(seed.wrapping_mul(8).wrapping_add(mode as u64));
        let plan = if mode == Mode::Streamed && !ground.real_time && rng.percent(DRILLS) {
            ahead(mode, ground, seed, &mut rng)
        } else if !ground.real_time && !mode.has_events() && rng.percent(DRILLS) {
            drill(mode, ground, seed, &mut rng)
        } else {
            Self::at_random(mode, ground, seed, &mut rng)
        };
        (plan, rng)
    }

    fn at_random(mode: Mode, ground: Ground, seed: u64, rng: &mut Rng) -> Self {
        let mut processes = 2 + usize::from(rng.percent(30));
        let one = !mode.has_bulk() && !mode.has_items() && rng.percent(60);
        let keys: &[i64] = if one { &[1] } else { &[1, 2] };
        let mut writer = Writer { keys, balance: 0, mode, weights: Vec::new() };
        let initial = keys.iter().zip(EMAILS).filter(|_| rng.percent(80));
        let rows = initial.map(|(id, email)| writer.row(*id, email)).collect();
        let items = if mode.has_items() { writer.items(rng) } else { Vec::new() };
        let initial = Tables { rows, items, ..Tables::default() };
        let jumps = if mode.has_events() { 80 } else { 40 };
        let jumps = !ground.real_time && rng.percent(jumps);
        writer.draw_weights(rng, ground.real_time, jumps);
        let clients = processes + rng.below(3);
        let scripts = (0..clients)
            .map(|client| {
                let acts = 1 + rng.below(4);
                let acts = (0..acts).map(|_| writer.act(rng)).collect();
                (client % processes, acts)
            })
            .collect();
        let outside = if mode.has_events() { writer.outside(rng) } else { Vec::new() };
        // One more that only consumes.
        processes += usize::from(mode.has_events());
        let faults = draw_faults(mode, ground, rng);
        let budget = if faults.is_empty() { 0 } else { 1 + rng.below(4) };
        let rate = *rng.pick(&[4, 10, 25]);
        let starves = rng.percent(60);
        let slow = if rng.percent(50) { 1 + rng.below(2) } else { 0 };
        let slow = (0..slow).map(|_| *rng.pick(&SLOW)).collect();
        let prey = rng.percent(50).then(|| *rng.pick(&PREY));
        Self {
            seed,
            mode,
            ground,
            processes,
            initial,
            scripts,
            outside,
            faults,
            budget,
            rate,
            jumps,
            starves,
            slow,
            slow_late: rng.percent(50),
            prey,
        }
    }
}

/// What a slow schedule waits for.
const SLOW: [Kind; 6] =
    [Kind::Commit, Kind::Lift, Kind::Fill, Kind::Load, Kind::Invalidate, Kind::Get];
/// What an unlucky one loses.
const PREY: [Kind; 5] = [Kind::Fence, Kind::Lift, Kind::Invalidate, Kind::Fill, Kind::Renew];

fn draw_faults(mode: Mode, ground: Ground, rng: &mut Rng) -> Vec<Fault> {
    use Fault::*;
    if rng.percent(30) {
        return Vec::new();
    }
    let mut all = vec![
        Refuse,
        Lose,
        Late,
        Away,
        Evict,
        Crash,
        Abort,
        Statement,
        Rows,
        CommitRefused,
        CommitLost,
        CommitGone,
        CommitLate,
        Flush,
        Source,
        Trim,
        Trim,
    ];
    all.retain(|fault| fault.is_assumed(mode, ground));
    if ground.real_time {
        // Without the simulated clock they cannot be waited for.
        all.retain(|fault| !matches!(fault, Evict | CommitLate | CommitLost | CommitGone | Away));
    }
    let kinds = 1 + rng.below(4);
    (0..kinds).map(|_| *rng.pick(&all)).collect()
}

/// Makes acts, each write with a balance of its own.
struct Writer {
    keys: &'static [i64],
    balance: i64,
    mode: Mode,
    weights: Vec<usize>,
}

const ACTS: usize = 14;

impl Writer {
    fn row(&mut self, id: i64, email: &str) -> Row {
        Row { id, email: email.to_owned(), balance: self.next() }
    }

    fn next(&mut self) -> i64 {
        self.balance += 1;
        self.balance
    }

    fn draw_weights(&mut self, rng: &mut Rng, real_time: bool, jumps: bool) {
        // Reads and updates are what most anomalies need.
        let usual = [8, 1, 4, 2, 1, 1, 2, 8, 1, 2, 1, 2, 1, 2];
        self.weights =
            usual.iter().map(|weight| if rng.percent(50) { *weight } else { 0 }).collect();
        self.weights[0] = 6;
        self.weights[7] = self.weights[7].max(3);
        if self.mode.has_bulk() {
            self.weights[12] = 5;
        }
        if real_time {
            self.weights[ACTS - 1] = 0;
        } else if jumps {
            self.weights[ACTS - 1] = 5;
        }
    }

    /// Items of the accounts, some of accounts that are not there yet.
    fn items(&mut self, rng: &mut Rng) -> Vec<Item> {
        let ids = [1, 2].into_iter().filter(|_| rng.percent(70)).collect::<Vec<i64>>();
        ids.into_iter().map(|id| self.item(id, rng)).collect()
    }

    fn item(&mut self, id: i64, rng: &mut Rng) -> Item {
        Item { id, account: *rng.pick(self.keys), amount: self.next() }
    }

    fn item_act(&mut self, rng: &mut Rng) -> ItemAct {
        let (id, account) = (*rng.pick(&[1, 2]), *rng.pick(self.keys));
        match rng.below(12) {
            0..=4 => ItemAct::Whole(account),
            5 => ItemAct::Find(id),
            6 => ItemAct::Insert(self.item(id, rng)),
            7..=8 => ItemAct::Change(id, None, self.next()),
            9..=10 => ItemAct::Change(id, Some(account), self.next()),
            _ => ItemAct::Delete(id),
        }
    }

    fn outside(&mut self, rng: &mut Rng) -> Vec<Deal> {
        let deals = 1 + rng.below(3);
        (0..deals).map(|_| self.deal(rng)).collect()
    }

    fn deal(&mut self, rng: &mut Rng) -> Deal {
        let (id, email) = (*rng.pick(self.keys), *rng.pick(&EMAILS));
        let change = match rng.below(10) {
            0..=3 => Change::Balance(id, self.next()),
            4..=6 => Change::Email(id, email, self.next()),
            7..=8 => Change::Insert(id, email, self.next()),
            _ => Change::Delete(id),
        };
        let tell = match rng.below(10) {
            0..=6 => Tell::Once,
            7 => Tell::Twice(true),
            8 => Tell::Twice(false),
            _ => Tell::Garbled,
        };
        let pause = if rng.percent(30) {
            Duration::from_secs(1 + rng.below(4) as u64)
        } else {
            Duration::ZERO
        };
        Deal { pause, change, tell, early: rng.percent(60), keep: rng.percent(90) }
    }

    fn act(&mut self, rng: &mut Rng) -> Act {
        if self.mode.has_items() && rng.percent(55) {
            return Act::Item(self.item_act(rng));
        }
        let id = *rng.pick(self.keys);
        // Mostly one that a row has.
        let email = if rng.percent(50) { EMAILS[id as usize - 1] } else { *rng.pick(&EMAILS) };
        let mut at = rng.below(self.weights.iter().sum());
        let mut act = 0;
        while at >= self.weights[act] {
            at -= self.weights[act];
            act += 1;
        }
        match act {
            0 => Act::Find(id),
            1 => Act::FindMany(vec![1, 2]),
            2 => Act::FindBy(email),
            3 => Act::Uncached(id),
            4 => Act::Refresh(id),
            5 => Act::Invalidate(id),
            6 => Act::Insert(id, email, self.next()),
            7 => Act::Update(id, rng.percent(40).then_some(email), self.next()),
            8 => Act::Upsert(id, email, self.next()),
            9 => Act::Delete(id),
            10 if self.mode.has_version() => Act::Save(id, self.next()),
            12 => Act::UpdateAll(self.next()),
            10 | 11 => {
                let steps = 1 + rng.below(3);
                let steps = (0..steps).map(|_| self.step(rng, 0)).collect();
                Act::Transaction(steps, rng.percent(80))
            }
            _ => {
                let parts = 1 + rng.below(11) as u64;
                Act::Pause(Duration::from_millis(TTL * 100 * parts))
            }
        }
    }

    fn step(&mut self, rng: &mut Rng, depth: usize) -> Step {
        let id = *rng.pick(self.keys);
        let email = *rng.pick(&EMAILS);
        if self.mode.has_items() && rng.percent(40) {
            return Step::Item(self.item_act(rng));
        }
        match rng.below(10) {
            0..=2 => Step::Find(id),
            3..=5 => Step::Update(id, rng.percent(20).then_some(email), self.next()),
            6 => Step::Insert(id, email, self.next()),
            7 => Step::Delete(id),
            8 => Step::SaveLocked(id, self.next()),
            _ if depth > 1 => Step::Update(id, None, self.next()),
            _ => {
                let steps = 1 + rng.below(2);
                let steps = (0..steps).map(|_| self.step(rng, depth + 1)).collect();
                Step::Savepoint(steps, rng.percent(40))
            }
        }
    }
}
