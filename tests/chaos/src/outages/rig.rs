//! All that a fault can reach: the servers, the processes, and what these have read.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::journal::Journal;
use super::judge::{Reads, Violation};
use super::log::wall;
use super::pair::Pair;
use super::processes::Processes;
use super::tables::{ROWS, create, url};
use super::traffic::{FAILURES, REGISTER, VIOLATIONS};
use crate::Fault;
use crate::plants::Plant;
use crate::register::Register;

const BEAT: Duration = Duration::from_millis(10);
/// How often a build without a guard is asked whether it has given itself away.
const LOOK: Duration = Duration::from_millis(250);
/// How long the cache may take to be warm.
const WARMING: Duration = Duration::from_secs(60);
/// For how long reads are hits when it is.
const STEADY: Duration = Duration::from_secs(1);

pub(super) struct Rig {
    pub(super) pair: Pair,
    pub(super) processes: Processes,
    pub(super) journal: Journal,
    pub(super) reads: Reads,
    /// Where a guard is missing, what this has led to.
    pub(super) found: Vec<Violation>,
    planted: bool,
    looked: Instant,
    folder: TempDir,
    /// How many lines of these files were seen.
    told: [usize; 2],
}

impl Rig {
    /// Starts everything, and waits until reads are hits.
    pub(super) async fn start(plant: Option<Plant>) -> Result<Self, Fault> {
        let name = plant.map_or("sound", Plant::name).replace('-', "_");
        let schema = format!("outages_{}_{name}", std::process::id());
        create(&schema).await?;
        let folder = tempfile::Builder::new().prefix("cache-outages.").tempdir()?;
        Register::create(&folder.path().join(REGISTER), ROWS)?;
        let pair = Pair::start(folder.path()).await?;
        let doors = pair.doors.iter().map(|door| door.port).collect();
        let mut rig = Self {
            pair,
            processes: Processes::start(folder.path(), &schema, doors, plant)?,
            journal: Journal::open(&url(&schema)?).await?,
            reads: Reads::default(),
            found: Vec::new(),
            planted: plant.is_some(),
            looked: Instant::now(),
            folder,
            told: [0, 0],
        };
        let (begun, from) = (Instant::now(), wall());
        loop {
            // For good, as a process that starts may still have to take over.
            let warm = rig.reads.recovery(from, wall()).map(Duration::from_micros);
            if warm.is_some_and(|warm| begun.elapsed() > warm + STEADY) {
                return Ok(rig);
            }
            if begun.elapsed() > WARMING || !rig.processes.faults.is_empty() {
                let faults = rig.processes.faults.join("; ");
                return Err(format!("the cache of the rig does not get warm; {faults}").into());
            }
            rig.wait(LOOK).await?;
        }
    }

    /// Lets time pass: the dead are started again, and what was read is looked at. Ends early where
    /// a guard is missing and that has been found out.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Fault> {
        let until = Instant::now() + time;
        while self.found.is_empty() {
            self.processes.tend()?;
            self.follow()?;
            if self.planted && self.looked.elapsed() > LOOK {
                self.looked = Instant::now();
                self.found = self.reads.ages(&self.journal.commits().await?).1;
                let back = self.told(VIOLATIONS)?;
                self.found.extend(back);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(BEAT)).await;
        }
        Ok(())
    }

    /// Waits for as long as a fault rests before it strikes again, unless it is over by then.
    pub(super) async fn again(&mut self, rest: Duration, until: Instant) -> Result<bool, Fault> {
        if Instant::now() + rest > until {
            return Ok(false);
        }
        self.wait(rest).await?;
        Ok(self.found.is_empty())
    }

    /// Takes what was read since the last time.
    pub(super) fn follow(&mut self) -> io::Result<()> {
        for log in &mut self.processes.logs {
            self.reads.take(&log.more()?);
        }
        Ok(())
    }

    /// What the processes have found themselves since they were asked last.
    pub(super) fn violations(&mut self) -> io::Result<Vec<Violation>> {
        self.told(VIOLATIONS)
    }

    /// What has failed since they were asked last.
    pub(super) fn failures(&mut self) -> io::Result<Vec<String>> {
        self.told(FAILURES)
    }

    fn told(&mut self, file: &str) -> io::Result<Vec<String>> {
        let seen = &mut self.told[usize::from(file == FAILURES)];
        let lines = lines(&self.folder.path().join(file))?;
        let new = lines.into_iter().skip(*seen).collect::<Vec<_>>();
        *seen += new.len();
        Ok(new)
    }
}

fn lines(path: &Path) -> io::Result<Vec<String>> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        text => Ok(text?.lines().map(str::to_owned).collect()),
    }
}
