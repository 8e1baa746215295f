//! Rows with what is pending for them: what a miss of a write-behind model reads.

use std::collections::HashMap;
use std::sync::Arc;

use super::fold::{NoRow, Overtaken, Writes, by_row};
use super::tables::Tables;
use crate::engine::session::Session;
use crate::ports::batch::Overlaid;
use crate::ports::behind::Behind;
use crate::ports::condition::Condition;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{BoxError, Model, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;

/// The rows of a write-behind model, as all acknowledged writes leave them.
pub(crate) struct Overlay<M: Model, D: Database> {
    pub(crate) tables: Arc<Tables<D>>,
    pub(crate) behind: Behind<D::Backend, M>,
}

impl<M: Statements<D::Backend>, D: Database> Overlay<M, D> {
    /// The rows with these distinct keys, in as few statements as the database allows. Each
    /// statement is one snapshot of rows and pending writes.
    pub(crate) async fn load(&self, keys: Vec<M::Key>) -> Result<Vec<Option<Arc<M>>>> {
        let mut answers = Vec::with_capacity(keys.len());
        for some in keys.chunks(most::<M, D>()) {
            answers.extend(self.some(some).await?);
        }
        Ok(answers)
    }

    async fn some(&self, keys: &[M::Key]) -> Result<Vec<Option<Arc<M>>>> {
        let aggregates = self.aggregates(keys)?;
        let database = &self.tables.database;
        let read: Vec<Overlaid<M>> = if Guard::OneSnapshot.stands() {
            database.load(self.statement(keys, &aggregates)).await?
        } else {
            let rows: Vec<M> = database.load(Load::select(condition::<M, _>(keys))).await?;
            let mut read =
                database.load(Load::pending_alone(self.tables.overlay(&aggregates))).await?;
            read.extend(rows.into_iter().map(Overlaid::Row));
            read
        };
        let rows = self.fold(keys, &aggregates, read).into_iter();
        rows.map(|row| Ok(row?.map(Arc::new))).collect()
    }

    /// The same in a transaction: as it sees them. What speaks against one row is told of it alone.
    pub(super) async fn within(
        &self,
        session: &mut Session<D>,
        keys: &[M::Key],
    ) -> Result<Vec<Result<Option<M>>>> {
        let mut answers = Vec::with_capacity(keys.len());
        for some in keys.chunks(most::<M, D>()) {
            let aggregates = self.aggregates(some)?;
            let read = session.load(self.statement(some, &aggregates)).await?;
            answers.extend(self.fold(some, &aggregates, read));
        }
        Ok(answers)
    }

    fn aggregates(&self, keys: &[M::Key]) -> Result<Vec<String>> {
        keys.iter().map(|key| Ok(self.tables.aggregate(key)?.1)).collect()
    }

    fn statement(&self, keys: &[M::Key], aggregates: &[String]) -> Load<D::Backend, Overlaid<M>> {
        Load::overlaid(condition::<M, _>(keys), self.tables.overlay(aggregates))
    }

    /// The rows, as what is pending leaves them.
    fn fold(
        &self,
        keys: &[M::Key],
        aggregates: &[String],
        read: Vec<Overlaid<M>>,
    ) -> Vec<Result<Option<M>>> {
        let (mut rows, mut pending) = (Vec::new(), Vec::new());
        for it in read {
            match it {
                Overlaid::Row(row) => rows.push(row),
                Overlaid::Pending(write) => pending.push(write),
            }
        }
        pending.sort_by_key(|write| write.seq);
        let mut answers = Vec::with_capacity(keys.len());
        let mut pending: HashMap<String, _> =
            by_row(pending).into_iter().map(|it| (it.aggregate.clone(), it)).collect();
        let alone = keys.len() == 1;
        for (key, aggregate) in keys.iter().zip(aggregates) {
            // Asked for alone, it is the row that the database equates with the key.
            let at = rows.iter().position(|row| alone || row.key() == *key);
            let row = at.map(|at| rows.swap_remove(at));
            answers.push(match pending.remove(aggregate) {
                None => Ok(row),
                Some(writes) => self.folded(&writes, row),
            });
        }
        answers
    }

    fn folded(&self, writes: &Writes, row: Option<M>) -> Result<Option<M>> {
        // Anomaly 39: what cannot be written is not as it was acknowledged.
        if let Some(why) = writes.pending.iter().find_map(|it| it.parked.as_deref())
            && Guard::ParkedTold.stands()
        {
            return Err(parked::<M>(why));
        }
        match writes.fold(&self.behind, row) {
            Ok((row, _)) => Ok(row),
            Err(error) if error.is::<NoRow>() => Ok(None),
            // It will be, by the next flush.
            Err(error) if error.is::<Overtaken>() => Err(parked::<M>(&error.to_string())),
            Err(error) => Err(unreadable::<M>(error)),
        }
    }
}

/// How many rows one statement reads.
fn most<M: Model, D: Database>() -> usize {
    (<D::Backend as Dialect>::MAX_BINDS / M::DESCRIPTOR.key.len().max(1)).clamp(1, 1000)
}

fn condition<M: Statements<DB>, DB: Dialect>(keys: &[M::Key]) -> Condition<DB> {
    match keys {
        [one] => M::is(one.clone()),
        all => M::among(all.to_vec()),
    }
}

/// The row has writes that cannot be applied.
pub(crate) fn parked<M: Model>(why: &str) -> Error {
    Error::new(
        ErrorKind::Parked,
        format!(
            "a row of `{}` has writes that cannot be applied, and are parked in `cache_parked` until \
             somebody retries or discards them: {why}",
            M::DESCRIPTOR.model
        ),
    )
}

pub(super) fn unreadable<M: Model>(source: BoxError) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        format!("a pending write of `{}` cannot be read: {source}", M::DESCRIPTOR.model),
    )
}
