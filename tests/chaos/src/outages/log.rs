//! What each process has read, one record a read, in files that outlive it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use cache_runtime::ports::{Event, Probe, Telemetry};

/// A read that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    /// When it began, by the machine's time of day, which the database goes by too.
    pub(super) begun: u64,
    /// What it gave.
    pub(super) value: u64,
    /// The row, by its place among those of all models.
    pub(super) place: u32,
    /// Whether the cache answered it.
    pub(super) hit: bool,
}

const RECORD: usize = 24;

impl Read {
    fn pack(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.begun.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.value.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.place.to_le_bytes());
        bytes[20] = u8::from(self.hit);
        bytes
    }

    fn unpack(bytes: &[u8; RECORD]) -> Self {
        let number = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        let place = u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
        Self { begun: number(0), value: number(8), place, hit: bytes[20] == 1 }
    }
}

/// Microseconds since 1970, by the machine's time of day.
pub(super) fn wall() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

fn path(folder: &Path, process: usize, life: usize) -> PathBuf {
    folder.join(format!("reads{process}.{life}"))
}

/// The reads of one life of a process.
pub(super) struct Log {
    file: File,
    waiting: Mutex<Vec<u8>>,
}

impl Log {
    pub(super) fn create(folder: &Path, process: usize, life: usize) -> io::Result<Self> {
        let path = path(folder, process, life);
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        Ok(Self { file, waiting: Mutex::default() })
    }

    pub(super) fn note(&self, read: Read) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend_from_slice(&read.pack());
    }

    /// Writes down what was noted. What a killed process has not written is not judged.
    pub(super) fn keep(&self) -> io::Result<()> {
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        (&self.file).write_all(&waiting)
    }
}

/// Follows the log of one life.
pub(super) struct Follower {
    path: PathBuf,
    at: u64,
}

impl Follower {
    pub(super) fn new(folder: &Path, process: usize, life: usize) -> Self {
        Self { path: path(folder, process, life), at: 0 }
    }

    /// What has come since the last time.
    pub(super) fn more(&mut self) -> io::Result<Vec<Read>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let left = file.metadata()?.len().saturating_sub(self.at);
        let whole = left - left % RECORD as u64;
        let mut bytes = vec![0; usize::try_from(whole).unwrap_or_default()];
        file.read_exact_at(&mut bytes, self.at)?;
        self.at += whole;
        Ok(bytes.as_chunks::<RECORD>().0.iter().map(Read::unpack).collect())
    }
}

tokio::task_local! {
    /// Whether the read of this task was answered by the cache.
    pub(super) static HIT: std::cell::Cell<bool>;
}

/// Takes the runtime's word for what is a hit: it says so in the task of the caller.
pub(super) struct Hits;

impl Telemetry for Hits {
    fn probe(&self, _: &'static str, _: &'static str) -> Box<dyn Probe> {
        Box::new(Self)
    }
}

impl Probe for Hits {
    fn event(&self, event: Event) {
        if event == Event::Hit {
            // Elsewhere, as in the task of a load, there is nobody whose hit it could be.
            let _ = HIT.try_with(|hit| hit.set(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path(), 2, 0).unwrap();
        let mut follower = Follower::new(folder.path(), 2, 0);
        let read = Read { begun: 1 << 50, value: 7, place: 65, hit: true };
        log.note(read);
        assert_eq!(follower.more().unwrap(), []);
        log.keep().unwrap();
        assert_eq!(follower.more().unwrap(), [read]);
        let later = Read { hit: false, ..read };
        log.note(later);
        log.keep().unwrap();
        assert_eq!(follower.more().unwrap(), [later]);
    }
}
