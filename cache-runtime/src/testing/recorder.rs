//! What a cache did, written down.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::recording::{RecordingDatabase, RecordingStore};
use crate::ports::database::Database;
use crate::ports::store::Store;
use crate::ports::telemetry::{Event, Probe, Telemetry};
use crate::values::key::{EntryKey, KeyParts, KeyWriter};

/// Writes down what a cache does: give it to [`Builder::telemetry`](crate::Builder::telemetry)
/// for the events of each model, and let it decorate the [store](Self::store) for what became of
/// each entry, and the [database](Self::database) for the statements. Clones write to one log.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    told: Vec<Told>,
    statements: Vec<String>,
    seen: HashMap<EntryKey, Seen>,
}

/// An event as it was told. Its text has no times, so that a test can compare it:
/// `Account in_process Loaded(1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// The model; `*` for the store as a whole.
    pub model: &'static str,
    /// The store's label.
    pub tier: &'static str,
    /// What happened.
    pub event: Event,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.model, self.tier)?;
        match self.event {
            Event::Loaded(count, _) => write!(f, "Loaded({count})"),
            event => write!(f, "{event:?}"),
        }
    }
}

/// What the store answered about one entry, as counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// It had a value, or a remembered absence.
    pub hits: usize,
    /// It had nothing.
    pub misses: usize,
    /// It accepted a fill.
    pub fills: usize,
    /// It refused a fill.
    pub refused: usize,
    /// It removed what it had.
    pub invalidations: usize,
    /// It took a fence.
    pub fences: usize,
    /// It put the row that a write left.
    pub puts: usize,
}

impl Recorder {
    /// Decorates a store.
    pub fn store(&self, store: impl Store) -> RecordingStore {
        self.shared_store(Arc::new(store))
    }

    /// Decorates a store that others hold too.
    pub fn shared_store(&self, store: Arc<dyn Store>) -> RecordingStore {
        RecordingStore::new(store, self.clone())
    }

    /// Decorates a database.
    pub fn database<D: Database>(&self, database: D) -> RecordingDatabase<D> {
        RecordingDatabase::new(database, self.clone())
    }

    /// How many events of this model `wanted` says yes to.
    pub fn count(&self, model: &str, wanted: impl Fn(&Event) -> bool) -> usize {
        let log = self.0.lock();
        log.told.iter().filter(|told| told.model == model && wanted(&told.event)).count()
    }

    /// The events since the last call, in order.
    pub fn take_events(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().told)
    }

    /// The statements since the last call, in order, each with its values: `SELECT .. -- binds:
    /// [1]`. Transactions are there as `BEGIN`, `COMMIT` and `ROLLBACK`, or `SAVEPOINT`,
    /// `RELEASE` and `ROLLBACK TO`.
    pub fn take_statements(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().statements)
    }

    /// What became of the entry of a row. `table` is the table's name in the database.
    pub fn row(&self, table: &str, key: impl KeyParts) -> Seen {
        self.seen(table, &["row"], key)
    }

    /// What became of the entry of a unique value.
    pub fn unique(&self, table: &str, field: &str, value: impl KeyParts) -> Seen {
        self.seen(table, &["by", field], value)
    }

    /// Forgets everything: what `build` asked the catalogue is rarely of interest.
    pub fn clear(&self) {
        *self.0.lock() = Log::default();
    }

    fn seen(&self, table: &str, kind: &[&str], parts: impl KeyParts) -> Seen {
        let mut name = KeyWriter::default();
        name.text(table);
        kind.iter().for_each(|word| name.text(word));
        parts.write_parts(&mut name);
        // A namespace comes before it, and is the same for a whole cache.
        let log = self.0.lock();
        let named = log.seen.iter().filter(|(key, _)| key.as_bytes().ends_with(name.as_bytes()));
        named.fold(Seen::default(), |sum, (_, seen)| sum.and(seen))
    }

    pub(super) fn see(&self, key: &EntryKey, note: impl FnOnce(&mut Seen)) {
        note(self.0.lock().seen.entry(key.clone()).or_default());
    }

    pub(super) fn state(&self, statement: impl Into<String>) {
        self.0.lock().statements.push(statement.into());
    }
}

impl Seen {
    fn and(self, other: &Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            fills: self.fills + other.fills,
            refused: self.refused + other.refused,
            invalidations: self.invalidations + other.invalidations,
            fences: self.fences + other.fences,
            puts: self.puts + other.puts,
        }
    }
}

impl Telemetry for Recorder {
    fn probe(&self, model: &'static str, tier: &'static str) -> Box<dyn Probe> {
        Box::new(Sink { recorder: self.clone(), model, tier })
    }
}

struct Sink {
    recorder: Recorder,
    model: &'static str,
    tier: &'static str,
}

impl Probe for Sink {
    fn event(&self, event: Event) {
        let told = Told { model: self.model, tier: self.tier, event };
        self.recorder.0.lock().told.push(told);
    }
}
