//! One entry held against its row: read as a client would, judged only when two readings agree.

use std::sync::Arc;
use std::time::Duration;

use super::debt::Touch;
use super::entry::{Cacheable, Entry};
use super::finding::{Finding, Said};
use super::keeper::Keeper;
use super::loader::{Loader, Source};
use super::sampler::Known;
use super::sources::Rows;
use crate::ports::BoxFuture;
use crate::ports::aggregate::{Aggregate, MembersIn, Whole};
use crate::ports::database::Database;
use crate::ports::model::Statements;
use crate::ports::store::Payload;
use crate::ports::telemetry::Event;
use crate::values::envelope::{Kind, Own, own, read};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;
use crate::values::policy::Consistency;

/// How often an entry is looked at again that changes each time.
const ROUNDS: u8 = 4;

/// A look at one entry, to be taken now or later.
pub(crate) type Check = Box<dyn FnOnce() -> BoxFuture<'static, Outcome> + Send>;

/// What a look gave.
pub(crate) enum Outcome {
    /// Nothing to complain of.
    Sound,
    /// Entry and row differ. A write may be under way, so look again when it must have ended.
    Differs(Check),
    /// They still do, and it is still the same entry: no invalidation came. It is removed.
    Stale,
    /// The store or the database did not answer.
    Unknown,
}

/// A model whose entries can be compared with its rows.
pub(crate) trait Watched: Send + Sync {
    /// A look at an entry that was read lately, if any was.
    fn sample(self: Arc<Self>) -> Option<Check>;
}

impl<M: Statements<D::Backend>, D: Database> Watched for Keeper<M, D> {
    fn sample(self: Arc<Self>) -> Option<Check> {
        Some(match self.sampler.take()? {
            Known::Row(key) => begin(row(&self, key)),
            Known::Whole(key, check) => check(self, key)?,
            Known::Lookup(id) => {
                let entry = self.tier.lookup_key(id.index, &id.written)?;
                let loader = self.lookups.clone();
                begin(Subject {
                    keeper: self,
                    loader,
                    entry,
                    id,
                    others: |_, _| Vec::new(),
                    row: None,
                })
            }
            Known::List(id) => {
                let entry = self.tier.list_key(id.index, &id.written);
                let loader = self.lists.clone();
                begin(Subject {
                    keeper: self,
                    loader,
                    entry,
                    id,
                    others: |_, _| Vec::new(),
                    row: None,
                })
            }
        })
    }
}

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// Looks at one row's entry now, and removes it if it contradicts the primary.
    pub(crate) async fn report_stale(self: &Arc<Self>, key: M::Key) -> Result<Finding> {
        let subject = row(self, key);
        let reading = subject.look().await?;
        let mut finding = subject.finding(&reading).await;
        if finding.differs {
            subject.repair(&reading).await;
            finding.repaired = true;
        }
        tracing::warn!(
            model = finding.contract.descriptor.model,
            key = %finding.key,
            differs = finding.differs,
            "a stale read was reported\n{finding}"
        );
        Ok(finding)
    }
}

/// One entry, and where its truth is.
struct Subject<M: Statements<D::Backend>, D: Database, S: Source> {
    keeper: Arc<Keeper<M, D>>,
    loader: Arc<Loader<S>>,
    entry: EntryKey,
    id: S::Id,
    /// What else an unseen change from the one value to the other has made void: entries of this
    /// model, and whatever depends on a row with this key.
    others: Others<M, D, S::Value>,
    row: Option<M::Key>,
}

type Others<M, D, V> = fn(&Keeper<M, D>, &Reading<V>) -> Vec<Touch>;

/// What both sides said.
struct Reading<V> {
    payload: Option<Payload>,
    cached: Option<Entry<V>>,
    primary: Option<Entry<V>>,
    differs: bool,
}

fn row<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    key: M::Key,
) -> Subject<M, D, Rows<M, D>> {
    Subject {
        keeper: keeper.clone(),
        loader: keeper.rows.clone(),
        entry: keeper.tier.row_key(&key),
        id: key.clone(),
        others: |keeper, it| keeper.told_by(&rows_of(&it.cached), &rows_of(&it.primary)),
        row: Some(key),
    }
}

fn rows_of<M>(entry: &Option<Entry<M>>) -> Vec<Arc<M>> {
    match entry {
        Some(Entry::Present(row)) => vec![row.clone()],
        _ => Vec::new(),
    }
}

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// The lookups and lists that a change from these rows to those makes void.
    fn told_by(&self, before: &[Arc<M>], after: &[Arc<M>]) -> Vec<Touch> {
        let mut touches = self.lists_touched(before, after);
        touches.extend(self.wholes_touched(before, after));
        for row in before.iter().chain(after) {
            self.lookups_of(row, &mut |entry| touches.push(self.remove(entry)));
        }
        touches
    }
}

/// A look at the whole of a root.
pub(crate) fn whole<M, D>(keeper: Arc<Keeper<M, D>>, key: M::Key) -> Option<Check>
where
    M: Statements<D::Backend> + Aggregate<Members: MembersIn<M, D::Backend>>,
    D: Database,
{
    let (entry, loader) = (keeper.tier.whole_key(&key)?, keeper.wholes());
    let others = |_: &Keeper<M, D>, _: &Reading<Whole<M>>| Vec::new();
    Some(begin(Subject { keeper, loader, entry, id: key, others, row: None }))
}

fn begin<M: Statements<D::Backend>, D: Database, S: Source>(subject: Subject<M, D, S>) -> Check {
    Box::new(move || subject.check(None, 1))
}

impl<M: Statements<D::Backend>, D: Database, S: Source> Subject<M, D, S> {
    /// Reads entry and row. They differ only if the entry was there all the while, and would have
    /// been served.
    async fn look(&self) -> Result<Reading<S::Value>> {
        let tier = &self.keeper.tier;
        let found = tier.look::<S::Value>(&self.entry).await?;
        let answer = self.loader.source.load(vec![self.id.clone()]).await?.pop();
        let primary = answer.and_then(|answer| self.loader.source.entry(&self.id, &answer));
        let Some((payload, cached)) = found else {
            return Ok(Reading { payload: None, cached: None, primary, differs: false });
        };
        let differs = match &primary {
            Some(primary)
                if self.would_serve(&cached, primary) && !tier.alike(&cached, primary) =>
            {
                let still = tier.look::<S::Value>(&self.entry).await?;
                still.is_some_and(|(again, _)| same(&again, &payload))
            }
            _ => false,
        };
        Ok(Reading { payload: Some(payload), cached: Some(cached), primary, differs })
    }

    /// Under `strict(validated)` a hit of another version is a miss.
    fn would_serve(&self, cached: &Entry<S::Value>, primary: &Entry<S::Value>) -> bool {
        S::Value::KIND != Kind::Row
            || M::DESCRIPTOR.policy.promise() != Consistency::Validated
            || cached.version() == primary.version()
    }

    /// A look, after the one `before` it.
    fn check(self, before: Option<Reading<S::Value>>, round: u8) -> BoxFuture<'static, Outcome> {
        Box::pin(async move {
            if self.keeper.is_bypassed(&self.entry) {
                return Outcome::Sound;
            }
            let Ok(reading) = self.look().await else { return Outcome::Unknown };
            if !reading.differs {
                return Outcome::Sound;
            }
            // Between a commit and its invalidation every write looks like this.
            let settled = match &before {
                Some(before) => self.stands(before, &reading),
                None => !Guard::SettleTwice.stands(),
            };
            if settled {
                self.condemn(&reading).await;
                return Outcome::Stale;
            }
            match round < ROUNDS {
                true => Outcome::Differs(Box::new(move || self.check(Some(reading), round + 1))),
                false => Outcome::Sound,
            }
        })
    }

    /// Tells everybody, and removes it.
    async fn condemn(&self, reading: &Reading<S::Value>) {
        let _ticket = self.keeper.invalidator.ticket();
        let mut finding = self.finding(reading).await;
        self.repair(reading).await;
        finding.repaired = true;
        finding.tell(|event| self.keeper.tier.event(event));
    }

    /// Whether both readings found the same entry and the same row.
    fn stands(&self, before: &Reading<S::Value>, after: &Reading<S::Value>) -> bool {
        let entries = before.payload.as_ref().zip(after.payload.as_ref());
        let rows = before.primary.as_ref().zip(after.primary.as_ref());
        entries.is_some_and(|(before, after)| same(before, after))
            && rows.is_some_and(|(before, after)| self.keeper.tier.alike(before, after))
    }

    async fn finding(&self, reading: &Reading<S::Value>) -> Finding {
        let tier = &self.keeper.tier;
        let facts = tier.inspect(&self.entry).await;
        let header = match &reading.payload {
            Some(Payload::Bytes(bytes)) => match own(bytes, S::Value::FINGERPRINT) {
                Own::Here(bytes) => {
                    read(bytes, S::Value::KIND, S::Value::FINGERPRINT, usize::MAX).ok()
                }
                _ => None,
            },
            _ => None,
        };
        let header = header.map(|(header, _)| header);
        let since = header.map(|header| header.leased_at).or(facts.since);
        let age = facts.now.zip(since).map(|(now, since)| now.saturating_sub(since));
        Finding {
            contract: self.keeper.contract.clone(),
            kind: S::Value::KIND,
            key: format!("{:?}", self.entry),
            tier: tier.name(),
            cached: said(reading.cached.as_ref()),
            primary: said(reading.primary.as_ref()),
            differs: reading.differs,
            age: age.map(Duration::from_micros),
            left: facts.left,
            written_by: header.map(|header| (header.codec, header.fingerprint)),
            leased: facts.leased,
            fences: facts.fences,
            pending: self.keeper.invalidator.is_pending(&self.entry),
            off: self.keeper.switch.is_off(),
            repaired: false,
        }
    }

    /// Removes the entry, and all that an unseen write must have left out with it.
    async fn repair(&self, reading: &Reading<S::Value>) {
        let mut touches = vec![self.keeper.remove(self.entry.clone())];
        touches.extend((self.others)(&self.keeper, reading));
        self.keeper.tell(touches).await;
        for later in self.keeper.dependents.later(self.row.iter().cloned().collect()) {
            later().await;
        }
    }
}

impl Finding {
    /// As an event, and as a line of the log.
    fn tell(&self, event: impl FnOnce(Event)) {
        event(Event::StaleRead { entry: self.kind_name(), age: self.age });
        tracing::warn!(
            model = self.contract.descriptor.model,
            entry = self.kind_name(),
            key = %self.key,
            tier = self.tier,
            age = ?self.age,
            contract = %self.contract.promise(),
            "a stale read: the primary changed, and no write through the cache removed the entry\n\
             {self}"
        );
    }
}

fn said<V: Cacheable>(entry: Option<&Entry<V>>) -> Said {
    match entry {
        None => Said::Nothing,
        Some(Entry::Absent) => Said::Absent,
        Some(entry) => Said::Present(entry.version()),
    }
}

/// Whether it is one and the same entry: bytes have the moment of their lease in them.
fn same(one: &Payload, other: &Payload) -> bool {
    match (one, other) {
        (Payload::Bytes(one), Payload::Bytes(other)) => one == other,
        (Payload::Shared(one), Payload::Shared(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
