//! The history checker: no read may be older than what was known before it began.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache_rig::clock::{MS, now};
use cache_runtime::Result;

use crate::counters::{Count, Counters};
use crate::register::{Field, Known, Register};
use crate::subjects::{NAMES, ROWS};

/// The register's file.
pub(crate) const REGISTER: &str = "register";
/// The file of the violations, a line each.
pub(crate) const VIOLATIONS: &str = "violations";
/// How many rows the register has: those of all models.
pub(crate) const ALL_ROWS: usize = NAMES.len() * ROWS;

/// A row, as the register numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) model: usize,
    pub(crate) id: usize,
}

impl Row {
    pub(crate) fn place(self) -> usize {
        self.model * ROWS + self.id
    }

    pub(crate) fn at(place: usize) -> Self {
        Self { model: place / ROWS, id: place % ROWS }
    }

    /// Its primary key.
    pub(crate) fn key(self) -> i64 {
        i64::try_from(self.id).unwrap_or(i64::MAX)
    }
}

/// A read that has begun: what it may not be older than.
pub(crate) struct Begun {
    row: Row,
    known: Known,
    at: u64,
}

/// Checks the reads of one process, and tells the others what it knows.
pub(crate) struct Checker {
    pub(crate) register: Register,
    pub(crate) counters: Arc<Counters>,
    process: usize,
    violations: PathBuf,
}

impl Checker {
    pub(crate) fn open(folder: &Path, process: usize, counters: Arc<Counters>) -> io::Result<Self> {
        let register = Register::open(&folder.join(REGISTER), ALL_ROWS, process)?;
        Ok(Self { register, counters, process, violations: folder.join(VIOLATIONS) })
    }

    /// To be called before the read is.
    pub(crate) fn begin(&self, row: Row) -> io::Result<Begun> {
        let known = self.register.known(row.place())?;
        Ok(Begun { row, known, at: now() })
    }

    /// To be called with what the read gave. `count` is what kind of read it was.
    pub(crate) fn end(
        &self,
        begun: &Begun,
        how: &str,
        count: Count,
        outcome: Result<Option<i64>>,
    ) -> io::Result<()> {
        let value = match outcome {
            Ok(value) => value,
            Err(error) => {
                eprintln!("process {}: a read failed: {error}", self.process);
                self.counters.add(Count::Unread, 1);
                return Ok(());
            }
        };
        self.counters.add(count, 1);
        let since = begun.at.saturating_sub(begun.known.acknowledged_at);
        if count == Count::Read && begun.known.acknowledged_at > 0 && since <= MS {
            self.counters.add(Count::Soon, 1);
        }
        // Rows are there from the start and are never deleted.
        let Some(value) = value.and_then(|value| u64::try_from(value).ok()) else {
            return self.violated(begun, how, "no row");
        };
        if value < begun.known.floor() {
            return self.violated(begun, how, &value.to_string());
        }
        if value == begun.known.seen {
            return Ok(());
        }
        // Nor may a read show what nobody has written: a rolled-back value, for one.
        if value > self.register.known(begun.row.place())?.begun {
            return self.violated(begun, how, &format!("{value}, which nobody wrote"));
        }
        self.register.raise(begun.row.place(), Field::Seen, value)
    }

    /// A write was acknowledged. Gives the moment.
    pub(crate) fn acknowledge(&self, row: Row, value: i64) -> io::Result<u64> {
        let (place, value) = (row.place(), u64::try_from(value).unwrap_or_default());
        self.register.raise(place, Field::Acknowledged, value)?;
        let at = now();
        self.register.raise(place, Field::AcknowledgedAt, at)?;
        self.register.count(place, Field::Done)?;
        self.counters.add(Count::Written, 1);
        Ok(at)
    }

    fn violated(&self, begun: &Begun, how: &str, read: &str) -> io::Result<()> {
        let Known { seen, acknowledged, .. } = begun.known;
        let since = match begun.known.acknowledged_at {
            0 => "before any acknowledgement".to_owned(),
            at => {
                format!("{:.3} ms after the last acknowledgement", ms(begun.at.saturating_sub(at)))
            }
        };
        let line = format!(
            "{} row {}: process {} got {read} by {how}, although {acknowledged} had been \
             acknowledged and {seen} read before it began; begun {since}, took {:.3} ms\n",
            NAMES[begun.row.model],
            begun.row.id,
            self.process,
            ms(now() - begun.at),
        );
        // One write, so that the lines of several processes do not mix.
        let mut file = OpenOptions::new().append(true).create(true).open(&self.violations)?;
        file.write_all(line.as_bytes())
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn ms(nanos: u64) -> f64 {
    nanos as f64 / MS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkers(folder: &Path) -> [Checker; 2] {
        Register::create(&folder.join(REGISTER), ALL_ROWS).unwrap();
        [0, 1].map(|process| Checker::open(folder, process, Arc::default()).unwrap())
    }

    fn violations(folder: &Path) -> String {
        std::fs::read_to_string(folder.join(VIOLATIONS)).unwrap_or_default()
    }

    fn read(checker: &Checker, begun: &Begun, value: Option<i64>) {
        checker.end(begun, "find", Count::Read, Ok(value)).unwrap();
    }

    const ROW: Row = Row { model: 1, id: 3 };

    #[test]
    fn a_read_older_than_an_acknowledged_write_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let [writer, reader] = checkers(folder.path());
        let early = reader.begin(ROW).unwrap();
        writer.register.count(ROW.place(), Field::Begun).unwrap();
        writer.acknowledge(ROW, 1).unwrap();
        read(&reader, &early, Some(0));
        assert_eq!(violations(folder.path()), "", "it began before the write was acknowledged");
        read(&reader, &reader.begin(ROW).unwrap(), Some(1));
        assert_eq!(violations(folder.path()), "");
        read(&reader, &reader.begin(ROW).unwrap(), Some(0));
        assert!(
            violations(folder.path()).starts_with("fenced_through row 3: process 1 got 0 by find")
        );
        assert_eq!(reader.counters.get(Count::Soon), 2);
    }

    #[test]
    fn a_read_older_than_another_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = checkers(folder.path());
        one.register.count(ROW.place(), Field::Begun).unwrap();
        read(&one, &one.begin(ROW).unwrap(), Some(1));
        read(&other, &other.begin(ROW).unwrap(), Some(1));
        assert_eq!(violations(folder.path()), "");
        read(&other, &other.begin(ROW).unwrap(), Some(0));
        assert_eq!(violations(folder.path()).lines().count(), 1);
        assert_eq!(other.counters.get(Count::Soon), 0, "nothing was acknowledged");
    }

    #[test]
    fn a_value_that_nobody_wrote_is_found_and_so_is_a_lost_row() {
        let folder = tempfile::tempdir().unwrap();
        let [one, _] = checkers(folder.path());
        read(&one, &one.begin(ROW).unwrap(), Some(1));
        read(&one, &one.begin(ROW).unwrap(), None);
        assert_eq!(violations(folder.path()).lines().count(), 2);
        assert_eq!(one.register.known(ROW.place()).unwrap().seen, 0, "it sets no floor");
    }
}
