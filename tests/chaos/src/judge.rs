//! What a run has to have shown, and the state in which it has to leave the rows.

use std::time::Duration;

use cache_rig::death::testament;

use crate::Fault;
use crate::check::{ALL_ROWS, REGISTER, Row};
use crate::counters::{Count, Counters, Told};
use crate::failpoints::Failpoints;
use crate::register::{PROCESSES, Register};
use crate::run::Run;
use crate::setup::FENCE_EXPIRY;
use crate::store::Naive;
use crate::subjects::{NAMES, Reading};

/// What a run has to do at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goals {
    pub(crate) reads: u64,
    /// Kills at each point.
    pub(crate) kills: u64,
}

/// A tenth of the reads begins within a millisecond after an acknowledged write of their row.
pub(crate) fn soon_enough(counters: &Counters) -> bool {
    counters.get(Count::Soon) * 20 >= counters.get(Count::Read)
}

/// Counts and prints judgements.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Verdict {
    pub(crate) fn on(&mut self, what: &str, good: bool) {
        println!("{} {what}", if good { "ok    " } else { "FAILED" });
        *(if good { &mut self.passed } else { &mut self.failed }) += 1;
    }

    pub(crate) fn none(&mut self, what: &str, faults: &[String]) {
        for fault in faults.iter().take(10) {
            println!("       {fault}");
        }
        self.on(&format!("{what}: {}", faults.len()), faults.is_empty());
    }
}

/// Judges a run that has been stopped.
pub(crate) async fn judge(run: &Run, goals: Goals, verdict: &mut Verdict) -> Result<(), Fault> {
    let counters = run.counters()?;
    let of = |count| counters.get(count);
    println!("{}", run.schedule.report());
    println!(
        "{} checked reads past the cache, {} further rows; {} hits, {} of them outdated; \
         {} callers shared a load; {} rows put, {} puts and {} fills refused; {} writes lost or \
         refused",
        of(Count::Uncached),
        of(Count::Uncounted),
        of(Count::Hit),
        of(Count::Outdated),
        of(Count::Coalesced),
        of(Count::Put),
        of(Count::PutRefused),
        of(Count::FillRefused),
        of(Count::Unwritten),
    );
    verdict.none("regressions", &run.violations()?);
    let (reads, soon) = (of(Count::Read), of(Count::Soon));
    verdict.on(&format!("{reads} reads, at least {}", goals.reads), reads >= goals.reads);
    let share = format!("{soon} within 1 ms after an acknowledged write, at least a twentieth");
    verdict.on(&share, soon_enough(&counters));
    let least = run.schedule.least();
    let kills = format!("{least} kills at the rarest point, at least {}", goals.kills);
    verdict.on(&kills, least >= goals.kills);
    // Otherwise everything above may have been shown of a cache that was never used.
    let used = of(Count::Hit) * 2 > reads
        && [Count::Put, Count::PutRefused, Count::FillRefused, Count::Coalesced]
            .iter()
            .all(|count| of(*count) > 0);
    verdict.on("most reads were hits; puts and fills were accepted, and refused", used);
    verdict.on(&format!("failed reads: {}", of(Count::Unread)), of(Count::Unread) == 0);
    verdict.none("processes that ended by themselves", &run.faults);
    let (lost, unsettled) = settle(run).await?;
    verdict.none("rows that lost or doubled a write", &lost);
    verdict.none("entries that do not agree with their rows in the end", &unsettled);
    Ok(())
}

/// When nobody writes any more and the last fence is gone: does each row hold all that was
/// acknowledged, and nothing that was not begun; and does the cache agree?
async fn settle(run: &Run) -> Result<(Vec<String>, Vec<String>), Fault> {
    tokio::time::sleep(FENCE_EXPIRY + Duration::from_millis(100)).await;
    let points = Failpoints::new(testament(run.folder(), PROCESSES), None, Duration::ZERO);
    let told = Told(std::sync::Arc::default());
    let subjects = run.server.open(&run.schema, points, Naive::No, told).await?;
    let register = Register::open(&run.folder().join(REGISTER), ALL_ROWS, 0)?;
    let (mut lost, mut unsettled) = (Vec::new(), Vec::new());
    for row in (0..ALL_ROWS).map(Row::at) {
        let subject = &subjects[row.model];
        let name = format!("{} row {}", NAMES[row.model], row.id);
        let truth = subject.read(row.key(), Reading::Uncached).await?;
        let known = register.known(row.place())?;
        let value = truth.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
        if value < known.done || value > known.begun || value < known.floor() {
            lost.push(format!("{name}: {value}, {known:?}"));
        }
        // The second time it is a hit.
        for reading in [Reading::Find, Reading::Lookup, Reading::Find, Reading::Lookup] {
            let cached = subject.read(row.key(), reading).await?;
            if cached != truth {
                unsettled.push(format!("{name}: {cached:?} by {reading:?}, not {truth:?}"));
            }
        }
    }
    Ok((lost, unsettled))
}
