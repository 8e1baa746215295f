//! Schedules for what chance seldom comes upon: few clients on one row, and the one kind of delay
//! or fault that the anomaly needs. What happens when is left to chance here too.

use std::time::Duration;

use crate::history::{Row, Tables};
use crate::mode::Mode;
use crate::outside::{Change, Deal, Tell};
use crate::plan::{Act, EMAILS, Fault, Ground, Plan};
use crate::rng::Rng;
use crate::world::Kind;

/// What is drilled.
#[derive(Clone, Copy)]
enum Drill {
    /// A value is read, its writer crashes, and the fill comes when time has passed.
    AgedFill,
    /// A put comes when time has passed, after another write that had no fence and no end.
    AgedPut,
    /// A fence that was given up comes after all.
    LateFence,
    /// A COMMIT takes longer than a fence stands.
    SlowCommit,
    /// A COMMIT whose answer is lost takes effect later.
    LateCommit,
    /// A unique value leaves its row while it is looked up.
    MovedValue,
    /// A row goes and comes again, and the store hears of neither.
    Reborn,
}

const DRILLS: [Drill; 7] = [
    Drill::AgedFill,
    Drill::AgedPut,
    Drill::LateFence,
    Drill::SlowCommit,
    Drill::LateCommit,
    Drill::MovedValue,
    Drill::Reborn,
];

/// Makes writes, each with a balance of its own.
struct Writer {
    mode: Mode,
    balance: i64,
}

impl Writer {
    fn next(&mut self) -> i64 {
        self.balance += 1;
        self.balance
    }

    fn update(&mut self) -> Act {
        match self.mode.has_bulk() {
            true => Act::UpdateAll(self.next()),
            false => Act::Update(1, None, self.next()),
        }
    }
}

pub fn drill(mode: Mode, ground: Ground, seed: u64, rng: &mut Rng) -> Plan {
    use Drill::*;
    let drill = *rng.pick(&DRILLS);
    let mut writer = Writer { mode, balance: 0 };
    let rows = EMAILS.iter().zip(1..).take(if mode.has_bulk() { 2 } else { 1 });
    let row =
        |(email, id): (&&str, i64)| Row { id, email: (*email).to_owned(), balance: writer.next() };
    let initial = Tables { rows: rows.map(row).collect(), ..Tables::default() };
    let (slow, prey, faults, budget): (&[Kind], _, &[Fault], _) = match drill {
        AgedFill => (&[Kind::Fill], None, &[Fault::Crash], 1),
        AgedPut => (&[Kind::Lift], Some(Kind::Fence), &[Fault::Refuse, Fault::Crash], 2),
        LateFence => (&[Kind::Lift], Some(Kind::Fence), &[Fault::Late], 1 + rng.below(2)),
        SlowCommit => (&[Kind::Commit, Kind::Fill, Kind::Lift], None, &[], 0),
        LateCommit => (&[Kind::Fill, Kind::Lift], None, &[Fault::CommitLate], 1),
        MovedValue => (&[Kind::Get, Kind::Invalidate], None, &[], 0),
        Reborn => (&[Kind::Fill], Some(Kind::Invalidate), &[Fault::Refuse, Fault::Late], 3),
    };
    let scripts = match drill {
        AgedFill => vec![
            (0, vec![Act::Find(1)]),
            (1, vec![writer.update()]),
            (2, vec![pause(rng), Act::Find(1)]),
        ],
        AgedPut | LateFence => vec![
            (0, vec![writer.update()]),
            (1, vec![writer.update(), Act::Find(1)]),
            (1, vec![Act::Find(1), pause(rng), Act::Find(1)]),
        ],
        SlowCommit | LateCommit => vec![
            (0, vec![writer.update()]),
            (1, reader(rng)),
            (2, reader(rng)),
            (rng.below(3), reader(rng)),
        ],
        MovedValue => {
            let seek = || vec![Act::FindBy(EMAILS[0]); 3];
            let moved = Act::Update(1, Some(EMAILS[1]), writer.next());
            vec![(0, seek()), (1, seek()), (2, vec![moved])]
        }
        Reborn => vec![
            (0, vec![Act::Find(1), Act::Find(1), pause(rng), Act::Find(1)]),
            (1, vec![Act::Delete(1), Act::Insert(1, EMAILS[0], writer.next())]),
            (2, vec![Act::Insert(1, EMAILS[0], writer.next()), Act::Find(1)]),
        ],
    };
    let faults: Vec<Fault> =
        faults.iter().copied().filter(|fault| fault.is_assumed(mode, ground)).collect();
    Plan {
        seed,
        mode,
        ground,
        processes: 3,
        initial,
        scripts,
        outside: Vec::new(),
        budget: if faults.is_empty() { 0 } else { budget },
        faults,
        rate: 25,
        jumps: !matches!(drill, LateFence | MovedValue | Reborn) || rng.percent(30),
        starves: rng.percent(50),
        slow: slow.to_vec(),
        slow_late: true,
        prey,
    }
}

/// An event comes, and then the change that it tells of: the COMMIT is slow, and readers are quick.
pub fn ahead(mode: Mode, ground: Ground, seed: u64, rng: &mut Rng) -> Plan {
    let row = |id: i64| Row { id, email: EMAILS[id as usize - 1].to_owned(), balance: id };
    let initial = Tables { rows: vec![row(1)], ..Tables::default() };
    let (change, seen) = match rng.percent(60) {
        true => (Change::Balance(1, 3), Act::Find(1)),
        false => (Change::Email(1, EMAILS[1], 3), Act::FindBy(EMAILS[1])),
    };
    let pause = Duration::from_millis(rng.below(2500) as u64);
    let deal = Deal { pause, change, tell: Tell::Once, early: true, keep: true };
    let reader = |rng: &mut Rng| {
        let pause = |rng: &mut Rng| Act::Pause(Duration::from_millis(100 + rng.below(1200) as u64));
        (0..5).flat_map(|_| [seen.clone(), pause(rng)]).chain([seen.clone()]).collect()
    };
    let scripts = vec![(0, reader(rng)), (0, reader(rng))];
    Plan {
        seed,
        mode,
        ground,
        processes: 2,
        initial,
        scripts,
        outside: vec![deal],
        budget: 0,
        faults: Vec::new(),
        rate: 0,
        jumps: true,
        starves: false,
        slow: vec![Kind::Commit, Kind::Statement],
        slow_late: false,
        prey: None,
    }
}

/// Reads now and then.
fn reader(rng: &mut Rng) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..3 {
        acts.push(pause(rng));
        acts.push(if rng.percent(60) { Act::Find(1) } else { Act::Uncached(1) });
    }
    acts
}

fn pause(rng: &mut Rng) -> Act {
    Act::Pause(Duration::from_millis(500 + rng.below(11_000) as u64))
}
