//! The two kinds of entries a model has, and where their truth comes from.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::behind::overlay::Overlay;
use super::entry::{Entry, Target};
use super::loader::{Entries, Source};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Concealed, Model, Statements};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::{KeyParts, KeyWriter};
use crate::values::policy::Consistency;

/// Rows by primary key.
pub(crate) struct Rows<M: Model, D: Database> {
    database: D,
    /// What is pending for them, where they are written behind.
    overlay: Option<Overlay<M, D>>,
}

impl<M: Model, D: Database> Rows<M, D> {
    pub(crate) fn new(database: D, overlay: Option<Overlay<M, D>>) -> Self {
        Self { database, overlay }
    }
}

impl<M: Statements<D::Backend>, D: Database> Rows<M, D> {
    /// The rows with these distinct keys, in as few statements as the database allows.
    async fn by_keys(&self, keys: Vec<M::Key>) -> Result<Vec<M>> {
        let most = most_keys::<M, D>();
        if keys.len() <= most {
            return self.database.load(Load::select(M::among(keys))).await;
        }
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(most) {
            rows.extend(self.database.load(Load::select(M::among(chunk.to_vec()))).await?);
        }
        Ok(rows)
    }
}

impl<M: Model, D: Database> Entries for Rows<M, D> {
    type Id = M::Key;
    type Value = M;
    type Answer = Option<Arc<M>>;
}

impl<M: Statements<D::Backend>, D: Database> Source for Rows<M, D> {
    async fn load(&self, ids: Vec<M::Key>) -> Result<Vec<Option<Arc<M>>>> {
        if let Some(overlay) = &self.overlay {
            return overlay.load(ids).await;
        }
        if let [id] = &ids[..] {
            let load = Load::select(M::is(id.clone()));
            return Ok(vec![self.database.load(load).await?.pop().map(Arc::new)]);
        }
        let rows = self.by_keys(ids.clone()).await?;
        let found = rows.len();
        let mut by_key: HashMap<M::Key, Arc<M>> =
            rows.into_iter().map(|row| (row.key(), Arc::new(row))).collect();
        let mut answers: Vec<_> = ids.iter().map(|id| by_key.remove(id)).collect();
        if answers.iter().flatten().count() < found {
            // The database equates keys that differ to us (a collation): ask for
            // those one by one, so that each gets the row that is its own.
            for (id, answer) in ids.into_iter().zip(&mut answers) {
                if answer.is_none() {
                    let load = Load::select(M::is(id));
                    *answer = self.database.load(load).await?.pop().map(Arc::new);
                }
            }
        }
        Ok(answers)
    }

    fn answer(&self, entry: Entry<M>) -> Option<Arc<M>> {
        match entry {
            Entry::Present(row) => Some(row),
            Entry::Absent => None,
        }
    }

    fn entry(&self, id: &M::Key, answer: &Option<Arc<M>>) -> Option<Entry<M>> {
        match answer {
            // Under another spelling of its key no invalidation would find it.
            Some(row) if row.key() != *id && Guard::OwnKey.stands() => None,
            Some(row) => Some(Entry::Present(row.clone())),
            None => Some(Entry::Absent),
        }
    }
}

/// How many keys one statement may name.
pub(super) fn most_keys<M: Model, D: Database>() -> usize {
    (<D::Backend as Dialect>::MAX_BINDS / M::DESCRIPTOR.key.len().max(1)).max(1)
}

/// Rows by a unique value. The entry is the row's primary key.
pub(crate) struct Lookups<M, D> {
    database: D,
    model: PhantomData<fn() -> M>,
}

impl<M, D> Lookups<M, D> {
    pub(crate) fn new(database: D) -> Self {
        Self { database, model: PhantomData }
    }
}

/// A lookup, with the written form of its value.
pub(crate) struct LookupId<M: Model> {
    pub(crate) index: usize,
    pub(crate) written: KeyWriter,
    pub(crate) value: M::Lookup,
}

impl<M: Model> Clone for LookupId<M> {
    fn clone(&self) -> Self {
        let (index, written) = (self.index, self.written.clone());
        Self { index, written, value: self.value.clone() }
    }
}

/// What a lookup gives.
pub(crate) enum Found<M: Model> {
    /// The row itself, from the database, and whether it is known by this very value; none if no
    /// row has the value.
    Row(Option<Arc<M>>, bool),
    /// From the cache: the key of the row that had the value. To be verified.
    At(Arc<Target<M>>),
}

impl<M: Model> Clone for Found<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Row(row, sure) => Self::Row(row.clone(), *sure),
            Self::At(target) => Self::At(target.clone()),
        }
    }
}

impl<M: Model, D: Database> Entries for Lookups<M, D> {
    type Id = LookupId<M>;
    type Value = Target<M>;
    type Answer = Found<M>;
}

impl<M: Statements<D::Backend>, D: Database> Source for Lookups<M, D> {
    async fn load(&self, ids: Vec<LookupId<M>>) -> Result<Vec<Found<M>>> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            let row: Option<M> =
                self.database.load(Load::select(M::carries(id.value))).await?.pop();
            let sure = match &row {
                Some(row) if is_concealed::<M>(id.index) => {
                    let load = Load::<_, Concealed<M>>::concealed(M::is(row.key()));
                    let values = self.database.load(load).await?;
                    values.iter().flat_map(|row| &row.values).any(|(index, written)| {
                        *index == id.index && written.as_bytes() == id.written.as_bytes()
                    })
                }
                Some(row) => carries(row, id.index, &id.written),
                None => true,
            };
            answers.push(Found::Row(row.map(Arc::new), sure));
        }
        Ok(answers)
    }

    fn answer(&self, entry: Entry<Target<M>>) -> Found<M> {
        match entry {
            Entry::Present(target) => Found::At(target),
            Entry::Absent => Found::Row(None, true),
        }
    }

    fn entry(&self, _: &LookupId<M>, answer: &Found<M>) -> Option<Entry<Target<M>>> {
        match answer {
            // Under another spelling of its value no invalidation would find it.
            Found::Row(Some(row), sure) => (*sure || !Guard::OwnKey.stands())
                .then(|| Entry::Present(Arc::new(Target(row.key())))),
            // With nothing to compare with the row, an absence could not be validated.
            Found::Row(None, _) if M::DESCRIPTOR.policy.promise() == Consistency::Validated => None,
            Found::Row(None, _) => Some(Entry::Absent),
            Found::At(target) => Some(Entry::Present(target.clone())),
        }
    }
}

/// Whether a row does not tell its value of this lookup.
pub(crate) fn is_concealed<M: Model>(lookup: usize) -> bool {
    M::DESCRIPTOR.concealed.lookups.contains(&lookup)
}

/// Whether the row has this value of its unique lookup.
pub(crate) fn carries<M: Model>(row: &M, lookup: usize, written: &KeyWriter) -> bool {
    let mut same = false;
    row.each_lookup(&mut |index, value: &dyn KeyParts| {
        if index == lookup {
            let mut own = KeyWriter::default();
            value.write_parts(&mut own);
            same = own.as_bytes() == written.as_bytes();
        }
    });
    same
}
