//! What a process does with the rows of one model, held to what both know of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::Fault;
use crate::models::{IDS, Promise, Rows, label};
use crate::oracle::Oracle;

/// Threads of a process.
const THREADS: u64 = 3;

/// The rows under a promise, and what has to be known to judge them.
pub(crate) struct Traffic<'a> {
    pub(crate) runtime: &'a Handle,
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) promise: Promise,
    pub(crate) schema: &'a str,
}

impl Traffic<'_> {
    /// Reads every row by its key, and by its label.
    pub(crate) fn read_all(&self, by_label: bool) -> Result<(), Fault> {
        let mut oracle = Oracle::open(self.schema)?;
        for id in IDS {
            self.read(&mut oracle, id, false)?;
            if by_label {
                self.read(&mut oracle, id, true)?;
            }
        }
        Ok(())
    }

    /// Counts every row up: one by one, or all at once.
    pub(crate) fn write_all(&self, at_once: bool) -> Result<(), Fault> {
        let mut oracle = Oracle::open(self.schema)?;
        if at_once {
            return self.write_at_once(&mut oracle);
        }
        IDS.into_iter().try_for_each(|id| self.write(&mut oracle, id))
    }

    pub(crate) fn invalidate_all(&self) {
        for id in IDS {
            self.runtime.block_on(self.rows.invalidate(id));
        }
    }

    /// Reads, and now and then writes, on a few threads, for this long. Gives how often.
    pub(crate) fn mixed(&self, time: Duration, seed: u64) -> Result<u64, Fault> {
        std::thread::scope(|threads| {
            let running: Vec<_> = (0..THREADS)
                .map(|thread| threads.spawn(move || self.acts(time, seed * THREADS + thread)))
                .collect();
            let mut acts = 0;
            for thread in running {
                acts += thread.join().map_err(|_| "a thread panicked")??;
            }
            Ok(acts)
        })
    }

    fn acts(&self, time: Duration, seed: u64) -> Result<u64, Fault> {
        let mut oracle = Oracle::open(self.schema)?;
        let mut lot = Lot(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (began, mut acts) = (Instant::now(), 0);
        while began.elapsed() < time {
            let id = IDS.start + lot.below(IDS.end.unsigned_abs()).cast_signed();
            match lot.below(200) {
                0 => self.write_at_once(&mut oracle)?,
                1..6 => self.write(&mut oracle, id)?,
                6..60 => self.read(&mut oracle, id, true)?,
                _ => self.read(&mut oracle, id, false)?,
            }
            acts += 1;
        }
        Ok(acts)
    }

    fn read(&self, oracle: &mut Oracle, id: i64, by_label: bool) -> Result<(), Fault> {
        let floor = oracle.floor(self.promise, id)?;
        let found = self.runtime.block_on(match by_label {
            true => self.rows.find_by_label(id),
            false => self.rows.find(id),
        })?;
        let value = found.ok_or_else(|| format!("{} {id} is not there", self.promise.name))?;
        if value < floor {
            let way = if by_label { label(id) } else { id.to_string() };
            let name = self.promise.name;
            return Err(format!("STALE: {name} {way} was {value}, after {floor} was known").into());
        }
        if self.promise.is_strict && value > floor {
            oracle.seen(self.promise, id, value)?;
        }
        Ok(())
    }

    fn write(&self, oracle: &mut Oracle, id: i64) -> Result<(), Fault> {
        let value = self.runtime.block_on(self.rows.add(id))?;
        let value = value.ok_or_else(|| format!("{} {id} is not there", self.promise.name))?;
        oracle.acknowledged(self.promise, id, value)
    }

    fn write_at_once(&self, oracle: &mut Oracle) -> Result<(), Fault> {
        for (id, value) in self.runtime.block_on(self.rows.add_all())? {
            oracle.acknowledged(self.promise, id, value)?;
        }
        Ok(())
    }
}

/// Draws numbers, the same for the same seed.
struct Lot(u64);

impl Lot {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % end
    }
}
