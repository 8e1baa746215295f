//! Lists: which rows share some values, in an order. Their keys are cached; the rows are found
//! by them.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::debt::Touch;
use super::entry::{Entry, Ids};
use super::flight::Landing;
use super::keeper::Keeper;
use super::loader::{Entries, Source};
use super::sampler::Known;
use super::sources::LookupId;
use crate::ports::condition::Condition;
use crate::ports::database::Database;
use crate::ports::load::Load;
use crate::ports::model::{ListOf, Model, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::{EntryKey, KeyParts, KeyWriter};
use crate::values::policy::Consistency;

/// How often a list that led astray is tried again.
const TRIES: usize = 3;

/// The rows of a list.
pub(crate) struct Lists<M, D> {
    database: D,
    model: PhantomData<fn() -> M>,
}

impl<M, D> Lists<M, D> {
    pub(crate) fn new(database: D) -> Self {
        Self { database, model: PhantomData }
    }
}

/// What a list gives.
pub(crate) enum Listed<M: Model> {
    /// The rows themselves, from the database.
    Rows(Arc<Vec<Arc<M>>>),
    /// From the cache: the keys of the rows that were in it. To be verified.
    Keys(Arc<Ids<M>>),
}

impl<M: Model> Clone for Listed<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(rows.clone()),
            Self::Keys(keys) => Self::Keys(keys.clone()),
        }
    }
}

impl<M: Model, D: Database> Entries for Lists<M, D> {
    type Id = LookupId<M>;
    type Value = Ids<M>;
    type Answer = Listed<M>;
}

impl<M: Statements<D::Backend>, D: Database> Source for Lists<M, D> {
    async fn load(&self, ids: Vec<LookupId<M>>) -> Result<Vec<Listed<M>>> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            let load = Load::select(M::carries(id.value)).page(list_of::<M>(id.index)?);
            let rows = self.database.load(load).await?.into_iter().map(Arc::new).collect();
            answers.push(Listed::Rows(Arc::new(rows)));
        }
        Ok(answers)
    }

    fn answer(&self, entry: Entry<Ids<M>>) -> Listed<M> {
        match entry {
            Entry::Present(keys) => Listed::Keys(keys),
            Entry::Absent => Listed::Rows(Arc::default()),
        }
    }

    fn entry(&self, id: &LookupId<M>, answer: &Listed<M>) -> Option<Entry<Ids<M>>> {
        match answer {
            // A row that the database finds by another spelling of the values would lead no write
            // to this list.
            Listed::Rows(rows) => (rows.iter().all(|row| is_in(&**row, id.index, &id.written))
                || !Guard::OwnKey.stands())
            .then(|| Entry::Present(Arc::new(Ids(rows.iter().map(|row| row.key()).collect())))),
            Listed::Keys(keys) => Some(Entry::Present(keys.clone())),
        }
    }
}

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// The first page of a list.
    pub(crate) async fn list(
        &self,
        index: usize,
        values: &(impl KeyParts + Sync),
        owned: impl Fn() -> M::Lookup + Send,
    ) -> Result<Vec<Arc<M>>> {
        let entry = self.tier.list_key(index, values);
        let mut written = KeyWriter::default();
        values.write_parts(&mut written);
        // Nothing in a list could be compared with the rows that it leaves out.
        let validated = M::DESCRIPTOR.policy.promise() == Consistency::Validated;
        if !validated {
            self.sampler
                .note(|| Known::List(LookupId { index, written: written.clone(), value: owned() }));
        }
        for _ in 0..TRIES {
            if validated || self.must_bypass(&entry) {
                break;
            }
            let listed = match self.cached::<Ids<M>>(&entry).await {
                Some(found) => self.lists.source.answer(found),
                None => {
                    let id = LookupId { index, written: written.clone(), value: owned() };
                    match self.lists.fetch(vec![(id, entry.clone())]).await?.pop() {
                        Some(Landing::Answer(answer)) => answer?,
                        Some(Landing::Abandoned) | None => continue,
                    }
                }
            };
            let keys = match listed {
                Listed::Rows(rows) => return Ok(rows.to_vec()),
                Listed::Keys(keys) => keys,
            };
            let rows = self.find_many(keys.0.clone()).await?;
            let there = |row: &Option<Arc<M>>| {
                !Guard::VerifyList.stands()
                    || row.as_ref().is_some_and(|row| is_in(&**row, index, &written))
            };
            if rows.iter().all(there) {
                return Ok(rows.into_iter().flatten().collect());
            }
            // A row has left the list since (anomaly 32).
            self.invalidator.invalidate(std::slice::from_ref(&entry)).await;
        }
        self.page(Load::select(M::carries(owned())), index).await
    }

    /// The page of a list after one of its rows, from the database.
    pub(crate) async fn list_after(
        &self,
        index: usize,
        values: M::Lookup,
        row: &M,
    ) -> Result<Vec<Arc<M>>> {
        let rows = Condition::all([M::carries(values), M::after(index, row)]);
        self.page(Load::select(rows), index).await
    }

    async fn page(&self, load: Load<D::Backend, M>, index: usize) -> Result<Vec<Arc<M>>> {
        let load = load.page(list_of::<M>(index)?);
        Ok(self.database.load(load).await?.into_iter().map(Arc::new).collect())
    }

    /// Removes the entry of a list.
    pub(crate) async fn invalidate_list(&self, index: usize, values: &(impl KeyParts + Sync)) {
        self.tell(vec![self.remove(self.tier.list_key(index, values))]).await;
    }

    /// The lists that change with rows, given as they were before a write and are after it: those
    /// that a row comes to or leaves, or is moved in.
    pub(crate) fn lists_touched(&self, before: &[Arc<M>], after: &[Arc<M>]) -> Vec<Touch> {
        if M::DESCRIPTOR.lists.is_empty() || !Guard::TouchLists.stands() {
            return Vec::new();
        }
        let mut old: HashMap<M::Key, &Arc<M>> = before.iter().map(|row| (row.key(), row)).collect();
        let mut entries = Vec::new();
        for row in after {
            match old.remove(&row.key()) {
                Some(was) => self.moved(was, row, &mut entries),
                None => self.lists_of(row, &mut |_, entry| entries.push(entry)),
            }
        }
        for row in old.into_values() {
            self.lists_of(row, &mut |_, entry| entries.push(entry));
        }
        entries.into_iter().map(|entry| self.remove(entry)).collect()
    }

    /// The lists that one row moves between, or within.
    fn moved(&self, was: &M, is: &M, entries: &mut Vec<EntryKey>) {
        let mut left = Vec::new();
        self.lists_of(was, &mut |index, entry| left.push((index, entry)));
        self.lists_of(is, &mut |index, entry| match left
            .iter()
            .position(|known| *known == (index, entry.clone()))
        {
            Some(place) if was.same_order(is, index) => drop(left.swap_remove(place)),
            Some(_) => {}
            None => entries.push(entry),
        });
        entries.extend(left.into_iter().map(|(_, entry)| entry));
    }

    /// Calls `visit` with each list that the row is in.
    fn lists_of(&self, row: &M, visit: &mut dyn FnMut(usize, EntryKey)) {
        row.each_list(&mut |index, values: &dyn KeyParts| {
            visit(index, self.tier.list_key(index, values));
        });
    }
}

fn list_of<M: Model>(index: usize) -> Result<ListOf> {
    M::DESCRIPTOR.lists.get(index).copied().ok_or_else(|| {
        Error::new(
            ErrorKind::Configuration,
            "the model has no such list; it is a bug of the derive",
        )
    })
}

/// Whether the row is in the list with these values.
fn is_in<M: Model>(row: &M, list: usize, written: &KeyWriter) -> bool {
    let mut same = false;
    row.each_list(&mut |index, values: &dyn KeyParts| {
        if index == list {
            let mut own = KeyWriter::default();
            values.write_parts(&mut own);
            same = own.as_bytes() == written.as_bytes();
        }
    });
    same
}
