//! What each process does to the rows: it reads much and writes little, as caches are used.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::watch;

use super::log::{HIT, Log, Read, wall};
use super::tables::{ROWS, VALIDATED, name, place};
use crate::register::{Field, Register};
use crate::subjects::{Reading, Subject, Way};

/// Who reads and who writes, by model.
const READS: [u32; 3] = [5, 3, 2];
const WRITES: [u32; 3] = [3, 2, 1];
/// How long a reader rests, in milliseconds.
const READ_PAUSE: std::ops::Range<u64> = 3..9;
/// How long a writer does: a row is left alone for some seconds, so that what a lost invalidation
/// has left behind is not mended by the next write.
const WRITE_PAUSE: std::ops::Range<u64> = 200..500;

/// The file of reads that went back, and of what else must not be; a line each.
pub(super) const VIOLATIONS: &str = "violations";
/// The file of calls that failed; a line each.
pub(super) const FAILURES: &str = "failures";
/// The register's file, of the rows that are validated.
pub(super) const REGISTER: &str = "register";

/// One process's traffic.
pub(super) struct Traffic {
    pub(super) process: usize,
    pub(super) folder: PathBuf,
    pub(super) subjects: Vec<Arc<dyn Subject>>,
    pub(super) register: Register,
    pub(super) log: Log,
    pub(super) stop: watch::Receiver<bool>,
}

impl Traffic {
    pub(super) fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    pub(super) async fn read_on(self: Arc<Self>) -> io::Result<()> {
        while !self.is_over() {
            let (model, id) = any_row(&READS);
            self.read(model, id).await?;
            pause(READ_PAUSE).await;
        }
        Ok(())
    }

    async fn read(&self, model: usize, id: usize) -> io::Result<()> {
        let floor = match model {
            VALIDATED => self.register.known(id)?.floor(),
            _ => 0,
        };
        let begun = wall();
        let (answer, hit) = HIT
            .scope(Cell::new(false), async {
                let answer = self.subjects[model].read(key(id), Reading::Find).await;
                (answer, HIT.with(Cell::get))
            })
            .await;
        let place = place(model, id);
        let value = match answer {
            Ok(Some(value)) => u64::try_from(value).unwrap_or_default(),
            Ok(None) => return self.tell(VIOLATIONS, &format!("{}: no row", name(place))),
            Err(error) => return self.tell(FAILURES, &format!("a read failed: {error}")),
        };
        self.log.note(Read { begun, value, place, hit });
        if value < floor {
            let what = format!("{}: {value}, although {floor} was known before", name(place));
            return self.tell(VIOLATIONS, &what);
        }
        match model {
            VALIDATED => self.register.raise(id, Field::Seen, value),
            _ => Ok(()),
        }
    }

    pub(super) async fn write_on(self: Arc<Self>) -> io::Result<()> {
        const WAYS: [Way; 4] = [Way::Update, Way::Filtered, Way::Locked, Way::Saved];
        while !self.is_over() {
            let (model, id) = any_row(&WRITES);
            let way = WAYS[rand::rng().random_range(0..WAYS.len())];
            match self.subjects[model].increment(key(id), way).await {
                Ok(value) if model == VALIDATED => {
                    let value = u64::try_from(value).unwrap_or_default();
                    self.register.raise(id, Field::Acknowledged, value)?;
                }
                Ok(_) => {}
                Err(error) => self.tell(FAILURES, &format!("a write failed: {error}"))?,
            }
            pause(WRITE_PAUSE).await;
        }
        Ok(())
    }

    fn tell(&self, file: &str, what: &str) -> io::Result<()> {
        let path = self.folder.join(file);
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{what} (process {})\n", self.process).as_bytes())
    }
}

fn key(id: usize) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn any_row(weights: &[u32; 3]) -> (usize, usize) {
    let mut random = rand::rng();
    let mut dice = random.random_range(0..weights.iter().sum());
    let mut model = 0;
    while dice >= weights[model] {
        dice -= weights[model];
        model += 1;
    }
    (model, random.random_range(0..ROWS))
}

async fn pause(millis: std::ops::Range<u64>) {
    let pause = rand::rng().random_range(millis);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}
