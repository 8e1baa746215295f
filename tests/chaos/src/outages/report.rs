//! What one fault came to, and all of them.

use std::fmt;

use super::RECOVERY;
use super::faults::Outage;
use super::judge::{Share, Violation};
use super::rig::Rig;
use super::tables::BOUND;
use crate::Fault;
use crate::judge::Verdict;

/// When the parts of a fault began and ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) begun: u64,
    pub(super) struck: u64,
    pub(super) ended: u64,
    pub(super) over: u64,
}

/// What one fault came to.
pub(crate) struct Report {
    fault: Outage,
    strikes: u32,
    reads: u64,
    before: Share,
    during: Share,
    after: Share,
    /// The age of the oldest read, in microseconds.
    worst: u64,
    /// After how many microseconds hits were back.
    recovery: Option<u64>,
    /// What was too old, or was never committed.
    old: Vec<Violation>,
    /// What went back.
    back: Vec<Violation>,
    failures: Vec<String>,
}

impl Report {
    pub(super) async fn of(
        rig: &mut Rig,
        fault: Outage,
        strikes: u32,
        moments: Moments,
        recovery: Option<u64>,
    ) -> Result<Self, Fault> {
        let Moments { begun, struck, ended, over } = moments;
        let (worst, old) = rig.reads.ages(&rig.journal.commits().await?);
        Ok(Self {
            fault,
            strikes,
            reads: rig.reads.count(),
            before: rig.reads.share(begun, struck),
            during: rig.reads.share(struck, ended),
            after: rig.reads.share(ended + recovery.unwrap_or_default(), over),
            worst,
            recovery,
            old,
            back: rig.violations()?,
            failures: rig.failures()?,
        })
    }

    pub(super) fn judge(&self, verdict: &mut Verdict) {
        let name = self.fault.name();
        verdict.none(&format!("{name}: values read past the bound"), &self.old);
        verdict.none(&format!("{name}: validated reads that went back"), &self.back);
        verdict.none(&format!("{name}: calls that failed"), &self.failures);
        let hits = format!("{name}: nine of ten reads are hits before it, and once it has passed");
        verdict.on(&hits, self.are_hits());
        let soon = format!("{name}: hits are back within {} s", RECOVERY.as_secs());
        verdict.on(&soon, self.is_back());
    }

    fn are_hits(&self) -> bool {
        self.before.is_enough() && self.after.is_enough()
    }

    fn is_back(&self) -> bool {
        self.recovery.is_some_and(|time| u128::from(time) <= RECOVERY.as_micros())
    }

    fn violations(&self) -> usize {
        let missed = usize::from(!self.are_hits()) + usize::from(!self.is_back());
        self.old.len() + self.back.len() + self.failures.len() + missed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strikes = if self.strikes == 1 { "strike" } else { "strikes" };
        write!(
            f,
            "{:16} {:3} {strikes}, {} reads, hits {:.1} % before, {:.1} % during, {:.1} % after, \
             worst age {:.2} s, ",
            self.fault.name(),
            self.strikes,
            self.reads,
            self.before.percent(),
            self.during.percent(),
            self.after.percent(),
            seconds(self.worst)
        )?;
        match self.recovery {
            Some(time) => write!(f, "recovered in {:.1} s", seconds(time)),
            None => write!(f, "not recovered"),
        }
    }
}

/// What all faults came to.
#[derive(Default)]
pub(crate) struct Summary(pub(super) Vec<Report>);

impl Summary {
    /// Whether any fault was judged, and not builds without a guard alone.
    pub(crate) fn is_any(&self) -> bool {
        !self.0.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in &self.0 {
            writeln!(f, "{report}")?;
        }
        let worst = self.0.iter().map(|report| report.worst).max().unwrap_or_default();
        let violations: usize = self.0.iter().map(Report::violations).sum();
        write!(
            f,
            "chaos: {} faults, {:.2} s worst age / {} s bound, {violations} violations",
            self.0.len(),
            seconds(worst),
            BOUND.as_secs()
        )
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
