//! Watches the table of sheets past the cache: a version that goes back there was written by a flush that
//! came too late.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Fault;
use crate::ledger::{Ledger, Line};
use crate::link::Link;
use crate::setup::Place;

const BEAT: Duration = Duration::from_millis(4);

/// The watching thread.
pub(crate) struct Observer {
    over: Arc<AtomicBool>,
    lives: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), Fault>>,
}

impl Observer {
    pub(crate) fn start(place: Place, ledger: Arc<Ledger>) -> Self {
        let (over, lives) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (ended, life) = (over.clone(), lives.clone());
        let thread = std::thread::spawn(move || watch(&place, &ledger, &ended, &life));
        Self { over, lives, thread }
    }

    /// What was seen so far may have been committed without being on the disk yet.
    pub(crate) fn forget(&self) {
        self.lives.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends it, and has it write down how far the sheets have come.
    pub(crate) fn stop(self) -> Result<(), Fault> {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| "the observer panicked")?
    }
}

fn watch(
    place: &Place,
    ledger: &Ledger,
    over: &AtomicBool,
    lives: &AtomicU64,
) -> Result<(), Fault> {
    let mut seen: HashMap<i64, i64> = HashMap::new();
    let (mut link, mut life): (Option<Link>, u64) = (None, 0);
    while !over.load(Ordering::SeqCst) {
        std::thread::sleep(BEAT);
        // The database may be away.
        let Some(open) = link.take().or_else(|| place.link().ok()) else { continue };
        let open = link.insert(open);
        let Ok(rows) = open.threes("SELECT id AS a, version AS b, good AS c FROM sheets") else {
            link = None;
            continue;
        };
        let present = lives.load(Ordering::SeqCst);
        if present != life {
            life = present;
            seen.clear();
        }
        for row in rows {
            let newest = seen.entry(row.a).or_default();
            if row.b < *newest {
                let what = format!("sheet {}: {} in the table after {newest}", row.a, row.b);
                ledger.note(&Line::Reordered(what))?;
            }
            *newest = row.b;
        }
    }
    for (id, version) in seen {
        ledger.note(&Line::Applied { id, version })?;
    }
    Ok(())
}
