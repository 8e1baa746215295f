//! Cache-aside: look in the cache; on a miss read the database and fill the
//! cache under a lease. Write the database first, then invalidate, or refresh.
//!
//! The fill is what goes wrong in most hand-made versions: a reader that read
//! the old row fills it after a writer has invalidated. Here a fill needs a
//! lease taken before the read, and an invalidation removes the lease
//! (anomalies 1 and 2). So a plain delete, sent after the commit, is enough.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::entry::{Cacheable, Entry, Target};
use crate::engine::flight::Landing;
use crate::engine::invalidator::Invalidator;
use crate::engine::loader::Loader;
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

/// How often a read looks again before it reads the database on its own.
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
        let mut abandoned = 0;
        for _ in 0..TRIES {
            if self.must_bypass(&entry) {
                break;
            }
            match self.cached::<M>(&entry).await {
                Some(Entry::Present(row)) => return Ok(Some(row)),
                Some(Entry::Absent) => return Ok(None),
                None => {}
            }
            match self.rows.fetch(vec![(key.to_key(), entry.clone())]).await?.pop() {
                Some(Landing::Answer(answer)) => return answer,
                Some(Landing::Abandoned) => abandoned += 1,
                Some(Landing::TooLate) | None => {}
            }
        }
        if abandoned == TRIES {
            return Err(torn_down());
        }
        self.find_uncached(key.to_key()).await
    }

    /// One MGET for all, then one statement for all that were missing.
    pub(crate) async fn find_many(&self, keys: Vec<M::Key>) -> Result<Vec<Option<Arc<M>>>> {
        let mut seen = HashSet::new();
        let mut open: Vec<(M::Key, EntryKey)> = Vec::new();
        for key in &keys {
            if seen.insert(key) {
                open.push((key.clone(), self.tier.row_key(key)));
            }
        }
        let mut found: HashMap<M::Key, Option<Arc<M>>> = HashMap::with_capacity(open.len());
        let mut direct: Vec<M::Key> = Vec::new();
        for _ in 0..TRIES {
            let (bypass, asked): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|(_, entry)| self.must_bypass(entry));
            direct.extend(bypass.into_iter().map(|(key, _)| key));
            let missing = self.take_cached(asked, &mut found).await;
            open = Vec::new();
            for (wanted, landing) in missing.iter().zip(self.rows.fetch(missing.clone()).await?) {
                match landing {
                    Landing::Answer(answer) => drop(found.insert(wanted.0.clone(), answer?)),
                    Landing::TooLate | Landing::Abandoned => open.push(wanted.clone()),
                }
            }
            if open.is_empty() {
                break;
            }
        }
        direct.extend(open.into_iter().map(|(key, _)| key));
        if !direct.is_empty() {
            use crate::engine::loader::Source as _;
            let rows = self.rows.source.load(direct.clone()).await?;
            found.extend(direct.into_iter().zip(rows));
        }
        Ok(keys.iter().map(|key| found.get(key).cloned().flatten()).collect())
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
                        _ => continue,
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
        let written = tokio::spawn(async move {
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
        });
        match written.await {
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
