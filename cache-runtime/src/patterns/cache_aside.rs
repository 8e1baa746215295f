//! Cache-aside: look in the cache; on a miss read the database and fill the
//! cache under a lease. Write the database first, then invalidate, or refresh.
//!
//! The fill is what goes wrong in most hand-made versions: a reader that read
//! the old row fills it after a writer has invalidated. Here a fill needs a
//! lease taken before the read, and an invalidation removes the lease
//! (anomalies 1 and 2). So a plain delete, sent after the commit, is enough.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::Instrument as _;

use crate::engine::entry::{Cacheable, Entry, Target};
use crate::engine::flight::Landing;
use crate::engine::invalidator::Invalidator;
use crate::engine::loader::{Loader, Source as _};
use crate::engine::sources::{Found, LookupId, Lookups, Rows, carries};
use crate::engine::switch::Switch;
use crate::engine::tier::Tier;
use crate::ports::database::{Database, Load, Write, Written};
use crate::ports::model::{Model, Statements};
use crate::ports::telemetry::Event;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::{AsKey, EntryKey, KeyParts, KeyWriter};
use crate::values::policy::OnWrite;

/// How often a flight that was torn down, or a lookup that led astray, is tried again.
const TRIES: usize = 3;

/// One model under cache-aside.
pub(crate) struct CacheAside<M: Model, D: Database> {
    pub(crate) database: D,
    pub(crate) tier: Arc<Tier>,
    pub(crate) rows: Arc<Loader<Rows<M, D>>>,
    pub(crate) lookups: Arc<Loader<Lookups<M, D>>>,
    pub(crate) invalidator: Arc<Invalidator>,
    pub(crate) switch: Switch,
}

impl<M: Statements<D::Backend>, D: Database> CacheAside<M, D> {
    /// Cache, else database and fill.
    pub(crate) async fn find(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        let entry = self.tier.row_key(&key);
        if self.must_bypass(&entry) {
            return self.find_uncached(key.to_key()).await;
        }
        match self.cached::<M>(&entry).await {
            Some(Entry::Present(row)) => Ok(Some(row)),
            Some(Entry::Absent) => Ok(None),
            None => {
                let mut answers = self.load(vec![(key.to_key(), entry)]).await?;
                answers.pop().ok_or_else(torn_down)
            }
        }
    }

    /// One MGET for all, then one statement for all that were missing.
    pub(crate) async fn find_many(&self, keys: Vec<M::Key>) -> Result<Vec<Option<Arc<M>>>> {
        let mut seen = HashSet::new();
        let distinct = keys.iter().filter(|key| seen.insert(*key));
        let (bypass, asked): (Vec<_>, Vec<_>) = distinct
            .map(|key| (key.clone(), self.tier.row_key(key)))
            .partition(|(_, entry)| self.must_bypass(entry));
        let mut found = HashMap::with_capacity(seen.len());
        let missing = self.take_cached(asked, &mut found).await;
        let wanted: Vec<M::Key> = missing.iter().map(|(key, _)| key.clone()).collect();
        found.extend(wanted.into_iter().zip(self.load(missing).await?));
        if !bypass.is_empty() {
            let wanted: Vec<M::Key> = bypass.into_iter().map(|(key, _)| key).collect();
            let rows = self.rows.source.load(wanted.clone()).await?;
            found.extend(wanted.into_iter().zip(rows));
        }
        Ok(keys.iter().map(|key| found.get(key).cloned().flatten()).collect())
    }

    /// Loads and fills, sharing flights with others. A flight that was torn down is begun
    /// anew, a few times: a load that always panics must not go on for ever.
    async fn load(&self, wanted: Vec<(M::Key, EntryKey)>) -> Result<Vec<Option<Arc<M>>>> {
        let mut answers = vec![None; wanted.len()];
        let mut open: Vec<usize> = (0..wanted.len()).collect();
        for _ in 0..TRIES {
            let legs = open.iter().map(|place| wanted[*place].clone()).collect();
            let mut abandoned = Vec::new();
            for (place, landing) in open.into_iter().zip(self.rows.fetch(legs).await?) {
                match landing {
                    Landing::Answer(answer) => answers[place] = answer?,
                    Landing::Abandoned => abandoned.push(place),
                }
            }
            if abandoned.is_empty() {
                return Ok(answers);
            }
            open = abandoned;
        }
        Err(torn_down())
    }

    /// The lookup's entry leads to a primary key; the row found there must
    /// still carry the value (anomaly 31).
    pub(crate) async fn find_by(
        &self,
        index: usize,
        value: &(impl KeyParts + Sync),
        owned: impl Fn() -> M::Lookup + Send,
    ) -> Result<Option<Arc<M>>> {
        let Some(entry) = self.tier.lookup_key(index, value) else {
            return Ok(None);
        };
        let mut written = KeyWriter::default();
        value.write_parts(&mut written);
        for _ in 0..TRIES {
            if self.must_bypass(&entry) {
                break;
            }
            let found = match self.cached::<Target<M>>(&entry).await {
                Some(Entry::Present(target)) => Found::At(target),
                Some(Entry::Absent) => return Ok(None),
                None => {
                    let id = LookupId { index, written: written.clone(), value: owned() };
                    match self.lookups.fetch(vec![(id, entry.clone())]).await?.pop() {
                        Some(Landing::Answer(answer)) => answer?,
                        Some(Landing::Abandoned) | None => continue,
                    }
                }
            };
            match found {
                Found::Row(row) => return Ok(row),
                Found::At(target) => match self.find(&target.0).await? {
                    Some(row)
                        if carries(&*row, index, &written) || !Guard::VerifyLookup.stands() =>
                    {
                        return Ok(Some(row));
                    }
                    // The value has moved to another row, or to none.
                    _ => self.invalidator.invalidate(std::slice::from_ref(&entry)).await,
                },
            }
        }
        Ok(self.database.load(M::by_lookup(owned())).await?.pop().map(Arc::new))
    }

    /// Straight from the primary, past the cache.
    pub(crate) async fn find_uncached(&self, key: M::Key) -> Result<Option<Arc<M>>> {
        Ok(self.database.load(M::by_keys(vec![key])).await?.pop().map(Arc::new))
    }

    /// From the primary, and into the cache.
    pub(crate) async fn refresh(&self, key: M::Key) -> Result<Option<Arc<M>>> {
        let entry = self.tier.row_key(&key);
        if self.must_bypass(&entry) {
            return self.find_uncached(key).await;
        }
        self.rows.refresh(key, entry).await
    }

    /// The database first; once it has committed, everything the row was or is
    /// known by is invalidated, before the write is acknowledged.
    pub(crate) async fn write(
        self: &Arc<Self>,
        key: Option<M::Key>,
        change: Load<D::Backend, M>,
    ) -> Result<Written<M>> {
        // Old lookup values are known only to the row as it was before.
        let look_first = !M::DESCRIPTOR.lookups.is_empty();
        let before = key.clone().filter(|_| look_first).map(|key| M::by_keys(vec![key]));
        let this = self.clone();
        // On a task of its own: a caller that gives up must not leave a commit
        // without its invalidation.
        let span = tracing::debug_span!("cache.write", model = M::DESCRIPTOR.model);
        let work = async move {
            let outcome = this.database.write(Write { before, change }).await;
            // After an error it is open whether it committed: invalidate as well.
            let touched = this.touched(key, outcome.as_ref().ok());
            this.invalidator.invalidate(&touched).await;
            if let (Ok(written), OnWrite::Refresh) = (&outcome, M::DESCRIPTOR.policy.after_write())
            {
                for row in &written.after {
                    if let Err(error) = this.refresh(row.key()).await {
                        tracing::debug!(%error, "the refresh after a write failed");
                    }
                }
            }
            outcome
        };
        match tokio::spawn(work.instrument(span)).await {
            Ok(outcome) => outcome,
            Err(source) => Err(torn_down().with_source(source)),
        }
    }

    /// Removes the rows' entries.
    pub(crate) async fn invalidate(&self, keys: impl IntoIterator<Item = M::Key>) {
        let entries: Vec<_> = keys.into_iter().map(|key| self.tier.row_key(&key)).collect();
        self.invalidator.invalidate(&entries).await;
    }

    /// Removes the entry of a unique value.
    pub(crate) async fn invalidate_by(&self, index: usize, value: &(impl KeyParts + Sync)) {
        let entry = self.tier.lookup_key(index, value);
        self.invalidator.invalidate(entry.as_slice()).await;
    }

    /// Every entry that a write may have made wrong.
    fn touched(&self, key: Option<M::Key>, written: Option<&Written<M>>) -> Vec<EntryKey> {
        let mut entries: Vec<EntryKey> = key.iter().map(|key| self.tier.row_key(key)).collect();
        let Some(written) = written else { return entries };
        // Old lookups would be found out by verification; gone, they cost nothing.
        written.before.iter().for_each(|row| self.lookups_of(row, &mut entries));
        for row in &written.after {
            // Also for a row that is new: its absence may be cached (anomaly 30).
            if Guard::InvalidateAbsent.stands() {
                entries.push(self.tier.row_key(&row.key()));
                self.lookups_of(row, &mut entries);
            }
        }
        entries.sort_unstable();
        entries.dedup();
        entries
    }

    fn lookups_of(&self, row: &M, entries: &mut Vec<EntryKey>) {
        row.each_lookup(&mut |index, value: &dyn KeyParts| {
            entries.extend(self.tier.lookup_key(index, value));
        });
    }

    /// Whether the cache must not be asked for this entry now.
    fn must_bypass(&self, entry: &EntryKey) -> bool {
        let reason = if self.switch.is_off() {
            "off"
        } else if self.invalidator.is_pending(entry) {
            "pending"
        } else {
            return false;
        };
        self.tier.event(Event::Bypass(reason));
        true
    }

    async fn cached<V: Cacheable>(&self, entry: &EntryKey) -> Option<Entry<V>> {
        let found = match self.tier.peek(entry) {
            Some(found) => found,
            None => self.tier.get(std::slice::from_ref(entry)).await.pop().flatten(),
        };
        self.count(found.as_ref());
        found
    }

    /// Takes what is cached; gives back what is not.
    async fn take_cached(
        &self,
        wanted: Vec<(M::Key, EntryKey)>,
        found: &mut HashMap<M::Key, Option<Arc<M>>>,
    ) -> Vec<(M::Key, EntryKey)> {
        if wanted.is_empty() {
            return wanted;
        }
        let entries: Vec<EntryKey> = wanted.iter().map(|(_, entry)| entry.clone()).collect();
        let mut missing = Vec::new();
        for (wanted, entry) in wanted.into_iter().zip(self.tier.get::<M>(&entries).await) {
            self.count(entry.as_ref());
            match entry {
                Some(Entry::Present(row)) => drop(found.insert(wanted.0, Some(row))),
                Some(Entry::Absent) => drop(found.insert(wanted.0, None)),
                None => missing.push(wanted),
            }
        }
        missing
    }

    fn count<V>(&self, found: Option<&Entry<V>>) {
        self.tier.event(match found {
            Some(Entry::Present(_)) => Event::Hit,
            Some(Entry::Absent) => Event::Negative,
            None => Event::Miss,
        });
    }
}

fn torn_down() -> Error {
    Error::new(
        ErrorKind::Abandoned,
        "the task of this operation panicked or its runtime shut down; its log line tells which",
    )
}
