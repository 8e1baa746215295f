//! What a process has done so far, where the coordinator can see it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::ports::{Event, Probe, Telemetry};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Reads through the cache whose value was checked.
    Read,
    /// Of those, reads that began within a millisecond after an acknowledged write of their key.
    Soon,
    /// Checked reads past the cache.
    Uncached,
    /// Further rows of a read of several rows.
    Uncounted,
    /// Acknowledged writes.
    Written,
    /// Writes that were refused or failed, or whose end is unknown.
    Unwritten,
    /// Reads that failed.
    Unread,
    /// Hits, by the runtime's own telemetry.
    Hit,
    /// Rows put by writes.
    Put,
    /// Puts refused because another write came between.
    PutRefused,
    /// Fills refused because a write came between.
    FillRefused,
    /// Validated hits that turned out to be old.
    Outdated,
    /// Callers that shared another's load.
    Coalesced,
}

/// How many there are.
const COUNTS: usize = 13;

/// The numbers of one process, or their sum over all.
#[derive(Default)]
pub(crate) struct Counters([AtomicU64; COUNTS]);

impl Counters {
    pub(crate) fn add(&self, count: Count, more: u64) {
        self.0[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }

    /// The sum over all processes; one that has written nothing yet counts as zero.
    pub(crate) fn total(folder: &Path, processes: usize) -> io::Result<Self> {
        let total = Self::default();
        for process in 0..processes {
            for (sum, more) in total.0.iter().zip(read(&path(folder, process))?) {
                sum.fetch_add(more, Ordering::Relaxed);
            }
        }
        Ok(total)
    }
}

/// The counters of this process and where they are kept.
pub(crate) struct Kept {
    pub(crate) counters: Arc<Counters>,
    path: PathBuf,
}

impl Kept {
    /// Goes on from where a killed process of the same number ended.
    pub(crate) fn open(folder: &Path, process: usize) -> io::Result<Self> {
        let path = path(folder, process);
        let numbers = read(&path)?.map(AtomicU64::new);
        Ok(Self { counters: Arc::new(Counters(numbers)), path })
    }

    /// Writes them down, all or nothing: what a killed process has not written is not counted.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(COUNTS * 8);
        for number in &self.counters.0 {
            bytes.extend_from_slice(&number.load(Ordering::Relaxed).to_le_bytes());
        }
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, bytes)?;
        fs::rename(fresh, &self.path)
    }
}

fn path(folder: &Path, process: usize) -> PathBuf {
    folder.join(format!("counters{process}"))
}

fn read(path: &Path) -> io::Result<[u64; COUNTS]> {
    let mut numbers = [0; COUNTS];
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        bytes => bytes?,
    };
    let (pieces, _) = bytes.as_chunks::<8>();
    for (number, piece) in numbers.iter_mut().zip(pieces) {
        *number = u64::from_le_bytes(*piece);
    }
    Ok(numbers)
}

/// Counts what the runtime tells of itself.
pub(crate) struct Told(pub(crate) Arc<Counters>);

impl Telemetry for Told {
    fn probe(&self, _: &'static str, _: &'static str) -> Box<dyn Probe> {
        Box::new(Self(self.0.clone()))
    }
}

impl Probe for Told {
    fn event(&self, event: Event) {
        let count = match event {
            Event::Hit => Count::Hit,
            Event::Put => Count::Put,
            Event::PutRefused => Count::PutRefused,
            Event::FillRefused(_) => Count::FillRefused,
            Event::Outdated => Count::Outdated,
            Event::Coalesced => Count::Coalesced,
            _ => return,
        };
        self.0.add(count, 1);
    }
}
