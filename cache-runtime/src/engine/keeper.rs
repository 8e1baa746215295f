//! One model's entries, read by every pattern in the same way: from the cache, or else from the
//! database, shared by all who miss and filled under a lease.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::behind::Queued;
use super::debt::{Need, Touch, remove};
use super::dependents::Dependents;
use super::entry::{Cacheable, Entry, Target};
use super::flight::Landing;
use super::invalidator::Invalidator;
use super::lists::Lists;
use super::loader::{Loader, Source as _};
use super::outbox;
use super::sampler::{Known, Sampler};
use super::sources::{Found, LookupId, Lookups, Rows, carries, is_concealed, most_keys};
use super::switch::Switch;
use super::tier::Tier;
use super::wholes::RootOf;
use crate::ports::clock::Tokens;
use crate::ports::contract::Contract;
use crate::ports::database::Database;
use crate::ports::load::Load;
use crate::ports::model::{Model, Statements, VersionOf};
use crate::ports::telemetry::Event;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::{AsKey, EntryKey, KeyParts, KeyWriter};
use crate::values::policy::Consistency;

/// How often a flight that was torn down, or a lookup that led astray, is tried again.
pub(super) const TRIES: usize = 3;

/// One model's entries, and where their truth is.
pub(crate) struct Keeper<M: Model, D: Database> {
    pub(crate) database: D,
    pub(crate) tier: Arc<Tier>,
    pub(crate) rows: Arc<Loader<Rows<M, D>>>,
    pub(crate) lookups: Arc<Loader<Lookups<M, D>>>,
    pub(crate) lists: Arc<Loader<Lists<M, D>>>,
    /// What loads the wholes of a root, once one was asked for.
    pub(crate) wholes: OnceLock<Arc<dyn Any + Send + Sync>>,
    /// The wholes that a member's rows are parts of.
    pub(crate) root: RootOf,
    pub(crate) dependents: Arc<Dependents<D>>,
    pub(crate) invalidator: Arc<Invalidator>,
    pub(crate) switch: Switch,
    pub(crate) tokens: Arc<dyn Tokens>,
    /// Those of the model's table, as the catalogue had them at start.
    pub(crate) triggers: Option<Triggers>,
    pub(crate) sampler: Sampler<M, D>,
    pub(crate) contract: Arc<Contract>,
    /// Its outbox, where it is written behind.
    pub(crate) behind: Option<Queued<D>>,
    /// Gone, it ends the table's relay.
    pub(crate) _relay: Option<tokio::sync::oneshot::Sender<()>>,
}

/// When the triggers and rules of a table are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Triggers {
    /// With the statement: what it returned may be out of date.
    Immediate,
    /// At COMMIT: nobody knows the row before.
    Deferred,
}

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// Cache, else database and fill.
    pub(crate) async fn find(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        let entry = self.tier.row_key(&key);
        if self.must_bypass(&entry) {
            return self.find_uncached(key.to_key()).await;
        }
        self.sampler.note(|| Known::Row(key.to_key()));
        if let Some(found) = self.cached::<M>(&entry).await
            && self.holds(&key, &entry, &found).await?
        {
            return Ok(row_of(found));
        }
        let mut answers = self.load(vec![(key.to_key(), entry)]).await?;
        answers.pop().ok_or_else(torn_down)
    }

    /// Whether a hit may be served. Validated, it must have the version that the row has now.
    async fn holds(
        &self,
        key: &impl AsKey<M::Key>,
        entry: &EntryKey,
        found: &Entry<M>,
    ) -> Result<bool> {
        if !must_validate::<M>() {
            return Ok(true);
        }
        let load = Load::version::<M>(M::is(key.to_key()));
        let current = self.database.load(load).await?.pop().map(|version| version.0);
        let holds = current == found.version();
        if !holds {
            self.outdated(std::slice::from_ref(entry)).await;
        }
        Ok(holds)
    }

    /// Removes hits that turned out to be old, so that what is loaded now can be filled.
    async fn outdated(&self, entries: &[EntryKey]) {
        entries.iter().for_each(|_| {
            self.tier.event(Event::Outdated);
            self.tier.event(Event::Miss);
        });
        self.invalidator.invalidate(entries).await;
    }

    /// One MGET for all, then one statement for all that were missing.
    pub(crate) async fn find_many(&self, keys: Vec<M::Key>) -> Result<Vec<Option<Arc<M>>>> {
        let mut seen = HashSet::new();
        let distinct = keys.iter().filter(|key| seen.insert(*key));
        let (bypass, asked): (Vec<_>, Vec<_>) = distinct
            .inspect(|key| self.sampler.note(|| Known::Row((*key).clone())))
            .map(|key| (key.clone(), self.tier.row_key(key)))
            .partition(|(_, entry)| self.must_bypass(entry));
        let mut found = HashMap::with_capacity(seen.len());
        let missing = self.take_cached(asked, &mut found).await?;
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
        self.sampler
            .note(|| Known::Lookup(LookupId { index, written: written.clone(), value: owned() }));
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
                Found::Row(row, _) => return Ok(row),
                Found::At(target) => match self.find(&target.0).await? {
                    Some(row)
                        // What the row does not tell, every write of it has removed.
                        if is_concealed::<M>(index)
                            || carries(&*row, index, &written)
                            || !Guard::VerifyLookup.stands() =>
                    {
                        return Ok(Some(row));
                    }
                    // The value has moved to another row, or to none.
                    _ => self.invalidator.invalidate(std::slice::from_ref(&entry)).await,
                },
            }
        }
        Ok(self.database.load(Load::select(M::carries(owned()))).await?.pop().map(Arc::new))
    }

    /// Straight from the primary, past the cache.
    pub(crate) async fn find_uncached(&self, key: M::Key) -> Result<Option<Arc<M>>> {
        Ok(self.rows.source.load(vec![key]).await?.pop().flatten())
    }

    /// From the primary, and into the cache.
    pub(crate) async fn refresh(&self, key: M::Key) -> Result<Option<Arc<M>>> {
        let entry = self.tier.row_key(&key);
        if self.must_bypass(&entry) {
            return self.find_uncached(key).await;
        }
        self.rows.refresh(key, entry).await
    }

    /// From the primary, and into the cache, as it was changed past the repository.
    pub(crate) async fn refresh_changed(&self, key: M::Key) -> Result<Option<Arc<M>>> {
        let row = self.refresh(key.clone()).await?;
        let mut touches = self.wholes_touched(row.as_slice(), &[]);
        touches.extend(self.own_whole(&key));
        self.tell(touches).await;
        Ok(row)
    }

    /// Removes the rows' entries, the wholes that they are parts of, and the entries of rows that
    /// depend on them.
    pub(crate) async fn invalidate(&self, keys: Vec<M::Key>) {
        let mut touches: Vec<Touch> = keys.iter().flat_map(|key| self.by_key(key)).collect();
        touches.extend(self.wholes_around(keys.clone()).await);
        self.tell(touches).await;
        for later in self.dependents.later(keys) {
            later().await;
        }
    }

    /// Removes the entry of a unique value.
    pub(crate) async fn invalidate_by(&self, index: usize, value: &(impl KeyParts + Sync)) {
        let entry = self.tier.lookup_key(index, value);
        self.tell(entry.map(|entry| self.remove(entry)).into_iter().collect()).await;
    }

    /// Invalidates what was changed past the repositories. Bounded, it is in the outbox first.
    pub(crate) async fn tell(&self, touches: Vec<Touch>) {
        let entries: Vec<EntryKey> = touches.iter().map(|touch| touch.key.clone()).collect();
        if let Err(error) = outbox::owe(&self.database, &entries).await {
            tracing::error!(
                %error,
                model = M::DESCRIPTOR.model,
                "an invalidation is not in the outbox: should the store not hear of it either, \
                 the ttl alone covers it"
            );
        }
        remove(touches).await;
    }

    /// What raw statements do to the entry of a row.
    pub(crate) fn removal(&self, key: &M::Key) -> Touch {
        self.remove(self.tier.row_key(key))
    }

    /// What a write of the whole table does to all of its entries.
    pub(crate) fn table_removal(&self) -> Result<Touch> {
        Ok(self.remove(self.table()?))
    }

    /// The same, and what it does to the wholes that its rows are parts of, and to those that
    /// depend on them.
    pub(crate) fn table_removals(&self) -> Result<Vec<Touch>> {
        let mut touches = self.dependents.table_removals()?;
        touches.push(self.table_removal()?);
        if let Some(root) = self.root.get().filter(|_| Guard::TouchWhole.stands()) {
            touches.push(root.all()?);
        }
        Ok(touches)
    }

    /// What a write does to an entry that it has nothing to put into.
    pub(crate) fn remove(&self, key: EntryKey) -> Touch {
        let need = match M::DESCRIPTOR.policy.promise() {
            Consistency::Fenced => Need::Strict,
            Consistency::Eventual | Consistency::Bounded(_) | Consistency::Validated => {
                Need::Removal
            }
        };
        Touch { key, need, put: None, invalidator: self.invalidator.clone() }
    }

    /// Makes all entries of the table void.
    pub(crate) async fn invalidate_table(&self) -> Result<()> {
        self.tell(self.table_removals()?).await;
        Ok(())
    }

    fn table(&self) -> Result<EntryKey> {
        self.tier.table_key().ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                format!(
                    "the table of `{}` cannot be invalidated as a whole; say `bulk = 1000` on the \
                     model, which makes each hit read the table's era with the entry",
                    M::DESCRIPTOR.model
                ),
            )
        })
    }

    /// Calls `visit` with the entry of each unique value that the row has.
    pub(crate) fn lookups_of(&self, row: &M, visit: &mut dyn FnMut(EntryKey)) {
        row.each_lookup(&mut |index, value: &dyn KeyParts| {
            if let Some(entry) = self.tier.lookup_key(index, value) {
                visit(entry);
            }
        });
    }

    /// Whether the cache must not be asked for this entry now.
    pub(crate) fn must_bypass(&self, entry: &EntryKey) -> bool {
        let reason = if self.switch.is_off() {
            "off"
        } else if self.invalidator.is_pending(entry) {
            "pending"
        } else if !self.tier.serves(entry) {
            "contract"
        } else {
            return false;
        };
        self.tier.event(Event::Bypass(reason));
        true
    }

    /// The same, for those who only look on.
    pub(crate) fn is_bypassed(&self, entry: &EntryKey) -> bool {
        self.switch.is_off() || self.invalidator.is_pending(entry) || !self.tier.serves(entry)
    }

    pub(crate) async fn cached<V: Cacheable>(&self, entry: &EntryKey) -> Option<Entry<V>> {
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
    ) -> Result<Vec<(M::Key, EntryKey)>> {
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let entries: Vec<EntryKey> = wanted.iter().map(|(_, entry)| entry.clone()).collect();
        let (mut hits, mut missing) = (Vec::new(), Vec::new());
        for (wanted, entry) in wanted.into_iter().zip(self.tier.get::<M>(&entries).await) {
            self.count(entry.as_ref());
            match entry {
                Some(entry) => hits.push((wanted, entry)),
                None => missing.push(wanted),
            }
        }
        if must_validate::<M>() {
            let outdated = self.take_outdated(&mut hits).await?;
            missing.extend(outdated);
        }
        found.extend(hits.into_iter().map(|((key, _), entry)| (key, row_of(entry))));
        Ok(missing)
    }

    /// Takes out the hits that may not be served, in as few statements as the database allows. Each
    /// is compared with its own row: rows that were there before the counter may well share a
    /// version. An absence has none, and is asked anew.
    async fn take_outdated(&self, hits: &mut Vec<Hit<M>>) -> Result<Vec<(M::Key, EntryKey)>> {
        if hits.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<M::Key> = hits.iter().map(|((key, _), _)| key.clone()).collect();
        let mut current = HashMap::with_capacity(keys.len());
        for chunk in keys.chunks(most_keys::<M, D>()) {
            let load = Load::<_, VersionOf<M>>::versions(M::among(chunk.to_vec()));
            let versions = self.database.load(load).await?;
            current.extend(versions.into_iter().map(|VersionOf(key, version)| (key, version)));
        }
        let holds = |((key, _), entry): &Hit<M>| {
            entry.version().is_some_and(|version| current.get(key) == Some(&version))
        };
        let outdated: Vec<_> =
            hits.extract_if(.., |hit| !holds(hit)).map(|(wanted, _)| wanted).collect();
        let entries: Vec<EntryKey> = outdated.iter().map(|(_, entry)| entry.clone()).collect();
        self.outdated(&entries).await;
        Ok(outdated)
    }

    fn count<V>(&self, found: Option<&Entry<V>>) {
        self.tier.event(match found {
            Some(Entry::Present(_)) => Event::Hit,
            Some(Entry::Absent) => Event::Negative,
            None => Event::Miss,
        });
    }
}

/// A key with its entry, and what was cached under it.
type Hit<M> = ((<M as Model>::Key, EntryKey), Entry<M>);

fn must_validate<M: Model>() -> bool {
    M::DESCRIPTOR.policy.promise() == Consistency::Validated && Guard::ValidateHit.stands()
}

fn row_of<M>(entry: Entry<M>) -> Option<Arc<M>> {
    match entry {
        Entry::Present(row) => Some(row),
        Entry::Absent => None,
    }
}

pub(crate) fn torn_down() -> Error {
    Error::new(
        ErrorKind::Abandoned,
        "the task of this operation panicked or its runtime shut down; its log line tells which",
    )
}
