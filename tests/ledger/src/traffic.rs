//! What a process does as fast as it can: writes, of which it says each before and after; and reads, none
//! of which may go back.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::{ErrorKind, Result};
use rand::Rng as _;
use tokio::sync::watch;

use crate::Fault;
use crate::ledger::{Deed, Line, Op};
use crate::models::{LIMIT, POISONED, WINDOW, window};
use crate::register::{Register, Row};
use crate::rows::{Reading, Rows};

/// The pause after a write or a read that failed.
const PAUSE: Duration = Duration::from_millis(10);

/// The traffic of one process.
pub(crate) struct Traffic {
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) register: Register,
    pub(crate) folder: PathBuf,
    pub(crate) process: usize,
    pub(crate) life: u32,
    /// One write in so many is one that the database refuses.
    pub(crate) poison: u32,
    /// How many sheets are in use.
    pub(crate) sheets: usize,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) next: AtomicU32,
    pub(crate) reads: AtomicU64,
    pub(crate) out: File,
}

/// The file that holds the newest version of a sheet that anybody has begun to write, and whose lock is
/// the right to write the next. It goes with its holder.
pub(crate) fn sheet(folder: &Path, id: usize) -> PathBuf {
    folder.join(format!("sheet{id}"))
}

impl Traffic {
    fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    /// In one call, so that a kill tears no line.
    fn say(&self, line: &Line) -> io::Result<()> {
        (&self.out).write_all(format!("{line}\n").as_bytes())
    }

    /// Writes until it is told to stop.
    pub(crate) async fn write_on(self: Arc<Self>) -> Result<(), Fault> {
        while !self.is_over() {
            let (kind, id, bad) = {
                let mut random = rand::rng();
                let kind = random.random_range(0..5);
                (kind, random.random_range(0..self.sheets), random.random_ratio(1, self.poison))
            };
            let good = match kind {
                0 | 1 => self.insert(!bad).await?,
                2 | 3 => self.add(bad).await?,
                _ => self.replace(id, !bad).await?,
            };
            if !good {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    fn begin(&self, deed: Deed) -> io::Result<Op> {
        let op = Op(self.life, self.next.fetch_add(1, Ordering::Relaxed));
        self.say(&Line::Begun(op, deed))?;
        Ok(op)
    }

    /// Says what became of a write. Tells whether it was acknowledged.
    fn end(&self, op: Op, outcome: Result<()>, row: Option<(Row, i64)>) -> io::Result<bool> {
        let error = match outcome {
            Ok(()) => {
                if let Some((row, version)) = row {
                    self.register.acknowledge(row, version.unsigned_abs())?;
                }
                self.say(&Line::Acknowledged(op))?;
                return Ok(true);
            }
            Err(error) => error,
        };
        match error.kind() {
            // Committed, it says, and only the store has not been told.
            ErrorKind::Unreleased => self.say(&Line::Acknowledged(op))?,
            // Nothing was written, it says.
            ErrorKind::Pool
            | ErrorKind::Database
            | ErrorKind::Store
            | ErrorKind::Full
            | ErrorKind::Parked => self.say(&Line::Refused(op))?,
            // Nobody knows.
            _ => {}
        }
        Ok(false)
    }

    async fn insert(&self, good: bool) -> Result<bool, Fault> {
        let op = self.begin(Deed::Entry)?;
        let outcome = self.rows.insert(op.id(), good).await;
        Ok(self.end(op, outcome, None)?)
    }

    /// A counter of those that are in use.
    fn counter(&self, of: std::ops::Range<usize>) -> usize {
        window(self.life) + rand::rng().random_range(of)
    }

    async fn add(&self, bad: bool) -> Result<bool, Fault> {
        // Few counters are parked, as what is parked stays so.
        let id = self.counter(if bad { WINDOW - POISONED..WINDOW } else { 0..WINDOW });
        let weight = if bad { LIMIT } else { rand::rng().random_range(1..1 << 20) };
        let key = i64::try_from(id)?;
        let op = self.begin(Deed::Counter { id: key, weight })?;
        let outcome = self.rows.add(key, weight).await;
        Ok(self.end(op, outcome, Some((Row::Counter(id), 0)))?)
    }

    async fn replace(&self, id: usize, good: bool) -> Result<bool, Fault> {
        let file = OpenOptions::new().read(true).write(true).open(sheet(&self.folder, id))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(true),
            locked => locked?,
        }
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, 0)?;
        let version = i64::from_le_bytes(bytes) + 1;
        file.write_all_at(&version.to_le_bytes(), 0)?;
        let key = i64::try_from(id)?;
        let op = self.begin(Deed::Sheet { id: key, version })?;
        let outcome = self.rows.replace(key, version, good).await;
        Ok(self.end(op, outcome, Some((Row::Sheet(id), version)))?)
    }

    /// Reads until it is told to stop.
    pub(crate) async fn read_on(self: Arc<Self>) -> Result<(), Fault> {
        while !self.is_over() {
            let (row, reading, pause) = {
                let mut random = rand::rng();
                let row = match random.random() {
                    true => Row::Counter(self.counter(0..WINDOW)),
                    false => Row::Sheet(random.random_range(0..self.sheets)),
                };
                let reading = match random.random_range(0..10) {
                    0 => Reading::Uncached,
                    1 => Reading::Many,
                    _ => Reading::Find,
                };
                (row, reading, random.random_range(0..3000))
            };
            if !self.read(row, reading).await? {
                tokio::time::sleep(PAUSE).await;
            }
            tokio::time::sleep(Duration::from_micros(pause)).await;
        }
        Ok(())
    }

    async fn read(&self, row: Row, reading: Reading) -> Result<bool, Fault> {
        let floor = self.register.floor(row)?;
        let read = match self.rows.read(row, reading).await {
            Ok(read) => read,
            // A row with parked writes says so.
            Err(error) => return Ok(error.kind() == ErrorKind::Parked),
        };
        self.reads.fetch_add(1, Ordering::Relaxed);
        let value = read.and_then(|value| u64::try_from(value).ok());
        match value {
            Some(value) if value >= floor.value() => self.register.see(row, value)?,
            _ => {
                let process = self.process;
                let what =
                    format!("process {process}: {row:?} by {reading:?}: {value:?}, {floor:?}");
                self.say(&Line::Regressed(what))?;
            }
        }
        Ok(true)
    }

    /// Says how many reads there were.
    pub(crate) fn count(&self) -> io::Result<()> {
        match self.reads.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            reads => self.say(&Line::Reads(reads)),
        }
    }
}
