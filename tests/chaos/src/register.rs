//! What all processes know of every row: the newest value that was acknowledged or read.
//!
//! One file in memory. Each process has a slot of its own in each row's record, so that nobody
//! overwrites another's; a reader takes the maximum over the slots in one `pread`. The file
//! outlives whoever is killed, and the kernel shows each write to all at once.
//!
//! Why the check is sound: whoever raised a slot had its answer before, and a reader looks at
//! the slots before it begins. So what it finds there precedes its read in real time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// How many processes there are.
pub(crate) const PROCESSES: usize = 4;

/// A number of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The newest value that this process has read.
    Seen,
    /// The newest value whose write this process has acknowledged.
    Acknowledged,
    /// When that was.
    AcknowledgedAt,
    /// How many increments this process has begun.
    Begun,
    /// How many increments it has acknowledged.
    Done,
}

const FIELDS: usize = 5;
/// A number and its complement: a reader can tell a number that is being written.
const NUMBER: usize = 16;
const SLOT: usize = FIELDS * NUMBER;
const RECORD: usize = PROCESSES * SLOT;

/// What is known of a row at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) seen: u64,
    pub(crate) acknowledged: u64,
    pub(crate) acknowledged_at: u64,
    pub(crate) begun: u64,
    pub(crate) done: u64,
}

impl Known {
    /// What no read that begins now may be older than.
    pub(crate) fn floor(&self) -> u64 {
        self.seen.max(self.acknowledged)
    }
}

/// One process's view of the register.
pub(crate) struct Register {
    file: File,
    process: usize,
    /// This process's own slots, as they are in the file.
    own: Vec<Mutex<[u64; FIELDS]>>,
}

impl Register {
    /// Makes the file, all zero.
    pub(crate) fn create(path: &Path, rows: usize) -> io::Result<()> {
        let file = File::create(path)?;
        let mut bytes = Vec::with_capacity(rows * RECORD);
        for _ in 0..rows * PROCESSES * FIELDS {
            bytes.extend_from_slice(&pack(0));
        }
        file.write_all_at(&bytes, 0)
    }

    /// Opens it as this process, which goes on where a killed one of its number ended.
    pub(crate) fn open(path: &Path, rows: usize, process: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut own = Vec::with_capacity(rows);
        for row in 0..rows {
            own.push(Mutex::new(slots(&file, row)?[process]));
        }
        Ok(Self { file, process, own })
    }

    /// What all processes know of the row.
    pub(crate) fn known(&self, row: usize) -> io::Result<Known> {
        let mut known = Known::default();
        for [seen, acknowledged, at, begun, done] in slots(&self.file, row)? {
            known.seen = known.seen.max(seen);
            known.acknowledged = known.acknowledged.max(acknowledged);
            known.acknowledged_at = known.acknowledged_at.max(at);
            known.begun += begun;
            known.done += done;
        }
        Ok(known)
    }

    /// Raises a number of this process, if it is not as high already.
    pub(crate) fn raise(&self, row: usize, field: Field, number: u64) -> io::Result<()> {
        self.change(row, field, |present| present.max(number))
    }

    /// Counts one up.
    pub(crate) fn count(&self, row: usize, field: Field) -> io::Result<()> {
        self.change(row, field, |present| present + 1)
    }

    fn change(&self, row: usize, field: Field, to: impl FnOnce(u64) -> u64) -> io::Result<()> {
        // Held while it is written, or else an older number could be written last.
        let mut own = self.own[row].lock().unwrap_or_else(PoisonError::into_inner);
        let present = &mut own[field as usize];
        let number = to(*present);
        if number == *present {
            return Ok(());
        }
        *present = number;
        let place = row * RECORD + self.process * SLOT + field as usize * NUMBER;
        self.file.write_all_at(&pack(number), place as u64)
    }
}

fn pack(number: u64) -> [u8; NUMBER] {
    let mut bytes = [0; NUMBER];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&(!number).to_le_bytes());
    bytes
}

fn slots(file: &File, row: usize) -> io::Result<[[u64; FIELDS]; PROCESSES]> {
    loop {
        let mut bytes = [0; RECORD];
        file.read_exact_at(&mut bytes, (row * RECORD) as u64)?;
        if let Some(slots) = unpack(&bytes) {
            return Ok(slots);
        }
    }
}

/// `None` where a number is half written.
fn unpack(bytes: &[u8; RECORD]) -> Option<[[u64; FIELDS]; PROCESSES]> {
    let mut slots = [[0; FIELDS]; PROCESSES];
    let (pairs, _) = bytes.as_chunks::<8>();
    for (number, place) in pairs.chunks(2).zip(slots.as_flattened_mut()) {
        *place = u64::from_le_bytes(number[0]);
        if *place != !u64::from_le_bytes(number[1]) {
            return None;
        }
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_known_as_the_newest_of_all_processes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("register");
        Register::create(&path, 3).unwrap();
        let one = Register::open(&path, 3, 0).unwrap();
        let other = Register::open(&path, 3, 3).unwrap();
        one.raise(1, Field::Acknowledged, 5).unwrap();
        other.raise(1, Field::Seen, 7).unwrap();
        other.raise(1, Field::Seen, 6).unwrap();
        one.count(1, Field::Done).unwrap();
        other.count(1, Field::Done).unwrap();
        let known = one.known(1).unwrap();
        assert_eq!((known.seen, known.acknowledged, known.done), (7, 5, 2));
        assert_eq!(known.floor(), 7);
        assert_eq!(other.known(0).unwrap(), Known::default());
        assert_eq!(other.known(2).unwrap(), Known::default());
    }

    #[test]
    fn a_process_that_comes_back_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("register");
        Register::create(&path, 1).unwrap();
        Register::open(&path, 1, 2).unwrap().raise(0, Field::Seen, 9).unwrap();
        let again = Register::open(&path, 1, 2).unwrap();
        again.raise(0, Field::Seen, 8).unwrap();
        assert_eq!(again.known(0).unwrap().seen, 9);
    }

    #[test]
    fn a_half_written_number_is_not_read() {
        let mut bytes = [0; RECORD];
        for number in bytes.chunks_mut(NUMBER) {
            number.copy_from_slice(&pack(1 << 40));
        }
        assert_eq!(unpack(&bytes), Some([[1 << 40; FIELDS]; PROCESSES]));
        bytes[5] = 7;
        assert_eq!(unpack(&bytes), None);
    }
}
