//! What no read may be older than: a file in memory that all processes share, and that outlives whoever
//! is killed. Each process writes its own slots alone. Whoever raised one had its answer before, and a
//! reader looks at them before it begins: so whatever it finds there precedes its read in real time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cache_rig::clock::now;

use crate::models::{COUNTERS, SHEETS};

/// How many processes have slots.
pub(crate) const PROCESSES: usize = 5;

/// A row that is read: its kind and its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Counter(usize),
    Sheet(usize),
}

impl Row {
    fn place(self) -> usize {
        match self {
            Self::Counter(id) => id,
            Self::Sheet(id) => COUNTERS + id,
        }
    }
}

/// A number and its complement: a reader can tell a number that is being written.
const NUMBER: usize = 16;
/// What was seen, in which epoch, and what was acknowledged.
const FIELDS: usize = 3;
const RECORD: usize = PROCESSES * FIELDS * NUMBER;
const ALL: usize = COUNTERS + SHEETS;
/// Before the records: the epoch, and until when nothing is settled.
const HEAD: usize = 2 * NUMBER;

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) acknowledged: u64,
    pub(crate) seen: u64,
}

impl Floor {
    pub(crate) fn value(self) -> u64 {
        self.acknowledged.max(self.seen)
    }
}

/// One process's view of it.
pub(crate) struct Register {
    file: File,
    process: usize,
    own: Vec<Mutex<[u64; FIELDS]>>,
}

fn path(folder: &Path) -> PathBuf {
    folder.join("register")
}

impl Register {
    /// Makes the file, all zero.
    pub(crate) fn create(folder: &Path) -> io::Result<()> {
        let numbers = (HEAD + ALL * RECORD) / NUMBER;
        File::create(path(folder))?.write_all_at(&pack(0).repeat(numbers), 0)
    }

    /// Opens it as this process, which goes on where a killed one of its number ended.
    pub(crate) fn open(folder: &Path, process: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path(folder))?;
        let mut register = Self { file, process, own: Vec::new() };
        for place in 0..ALL {
            let numbers = register.record(place)?;
            let mut own = [0; FIELDS];
            if let Some(slots) = numbers.chunks(FIELDS).nth(process) {
                own.copy_from_slice(slots);
            }
            register.own.push(Mutex::new(own));
        }
        Ok(register)
    }

    fn numbers<const BYTES: usize>(&self, at: usize) -> io::Result<Vec<u64>> {
        loop {
            let mut bytes = [0; BYTES];
            self.file.read_exact_at(&mut bytes, at as u64)?;
            if let Some(numbers) = unpack(&bytes) {
                return Ok(numbers);
            }
        }
    }

    fn record(&self, place: usize) -> io::Result<Vec<u64>> {
        self.numbers::<RECORD>(HEAD + place * RECORD)
    }

    /// The epoch, and whether what is read now may be taken back all the same.
    fn head(&self) -> io::Result<(u64, bool)> {
        let head = self.numbers::<HEAD>(0)?;
        Ok((head[0], now() < head[1]))
    }

    /// What no read of the row that begins now may be older than.
    pub(crate) fn floor(&self, row: Row) -> io::Result<Floor> {
        let (epoch, _) = self.head()?;
        let record = self.record(row.place())?;
        let slots = || record.chunks(FIELDS);
        let seen = slots().filter(|slot| slot[1] == epoch).map(|slot| slot[0]).max();
        let acknowledged = match row {
            // Each process has added so many.
            Row::Counter(_) => slots().map(|slot| slot[2]).sum(),
            Row::Sheet(_) => slots().map(|slot| slot[2]).max().unwrap_or_default(),
        };
        Ok(Floor { acknowledged, seen: seen.unwrap_or_default() })
    }

    /// A read has given this.
    pub(crate) fn see(&self, row: Row, value: u64) -> io::Result<()> {
        let (epoch, unsettled) = self.head()?;
        if unsettled {
            return Ok(());
        }
        self.change(row, |own| {
            if own[1] != epoch || own[0] < value {
                (own[0], own[1]) = (value, epoch);
            }
        })
    }

    /// A write was acknowledged: one more of a counter, this version of a sheet.
    pub(crate) fn acknowledge(&self, row: Row, version: u64) -> io::Result<()> {
        self.change(row, |own| match row {
            Row::Counter(_) => own[2] += 1,
            Row::Sheet(_) => own[2] = own[2].max(version),
        })
    }

    fn change(&self, row: Row, change: impl FnOnce(&mut [u64; FIELDS])) -> io::Result<()> {
        let place = row.place();
        let Some(own) = self.own.get(place) else { return Ok(()) };
        // Held while it is written, or else an older number could be written last.
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *own;
        change(&mut own);
        if *own == before {
            return Ok(());
        }
        let bytes: Vec<u8> = own.iter().flat_map(|number| pack(*number)).collect();
        let at = HEAD + place * RECORD + self.process * FIELDS * NUMBER;
        self.file.write_all_at(&bytes, at as u64)
    }
}

/// The coordinator's hand on it.
pub(crate) struct Head(File, u64);

impl Head {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().write(true).open(path(folder))?, 0))
    }

    /// Until then, what is read but not acknowledged is no floor: a store that forgets a fence
    /// keeps no promise about writes that are under way.
    pub(crate) fn unsettle(&self, until: u64) -> io::Result<()> {
        self.0.write_all_at(&pack(until), NUMBER as u64)
    }

    /// What was read so far, and not acknowledged, is no floor any more.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        self.1 += 1;
        self.0.write_all_at(&pack(self.1), 0)
    }
}

fn pack(number: u64) -> [u8; NUMBER] {
    let mut bytes = [0; NUMBER];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&(!number).to_le_bytes());
    bytes
}

/// `None` where a number is half written.
fn unpack(bytes: &[u8]) -> Option<Vec<u64>> {
    let (halves, _) = bytes.as_chunks::<8>();
    let pairs = halves.chunks(2).map(|pair| {
        let number = u64::from_le_bytes(pair[0]);
        (number == !u64::from_le_bytes(pair[1])).then_some(number)
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (tempfile::TempDir, Register, Register, Head) {
        let folder = tempfile::tempdir().unwrap();
        Register::create(folder.path()).unwrap();
        let [one, other] = [0, 1].map(|process| Register::open(folder.path(), process).unwrap());
        let head = Head::open(folder.path()).unwrap();
        (folder, one, other, head)
    }

    #[test]
    fn all_processes_see_what_each_knows() {
        let (folder, one, other, _) = two();
        let (counter, sheet) = (Row::Counter(3), Row::Sheet(3));
        one.acknowledge(counter, 0).unwrap();
        other.acknowledge(counter, 0).unwrap();
        one.acknowledge(sheet, 7).unwrap();
        other.see(sheet, 9).unwrap();
        assert_eq!(one.floor(counter).unwrap().value(), 2);
        assert_eq!(one.floor(sheet).unwrap(), Floor { acknowledged: 7, seen: 9 });
        assert_eq!(one.floor(Row::Sheet(4)).unwrap().value(), 0);
        let again = Register::open(folder.path(), 0).unwrap();
        again.acknowledge(counter, 0).unwrap();
        assert_eq!(other.floor(counter).unwrap().value(), 3);
    }

    #[test]
    fn what_is_not_settled_is_no_floor() {
        let (_folder, one, other, mut head) = two();
        let sheet = Row::Sheet(0);
        head.unsettle(u64::MAX).unwrap();
        one.see(sheet, 9).unwrap();
        assert_eq!(other.floor(sheet).unwrap().value(), 0);
        head.unsettle(0).unwrap();
        one.see(sheet, 9).unwrap();
        assert_eq!(other.floor(sheet).unwrap().value(), 9);
        head.forget().unwrap();
        assert_eq!(other.floor(sheet).unwrap().value(), 0);
        one.see(sheet, 8).unwrap();
        assert_eq!(other.floor(sheet).unwrap().value(), 8);
    }
}
