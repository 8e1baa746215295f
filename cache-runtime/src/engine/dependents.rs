//! Models whose rows show something of another model's, and what a write of the other does to
//! their entries.
//!
//! Which rows these are is asked within the write's transaction, so that their entries go when it
//! has committed; and once more after that, as another transaction may have inserted one meanwhile,
//! of which a reader has filled what it read before the commit.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::debt::{Touch, remove};
use super::keeper::Keeper;
use super::session::Session;
use crate::ports::BoxFuture;
use crate::ports::condition::Condition;
use crate::ports::database::Database;
use crate::ports::dependency::Rows;
use crate::ports::load::Load;
use crate::ports::model::{KeyOf, Statements};
use crate::values::error::Result;
use crate::values::guard::Guard;

/// What is done once a transaction has committed.
pub(crate) type Later = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send + Sync>;

/// The models that depend on one.
pub(crate) struct Dependents<D: Database>(OnceLock<Vec<Dependent<D>>>);

/// A model that depends on another.
pub(crate) struct Dependent<D: Database> {
    /// Its rows that show something of rows with given keys.
    pub(crate) rows: Rows<D::Backend>,
    /// Whether they have these keys themselves.
    pub(crate) by_key: bool,
    pub(crate) entries: Arc<dyn Shown<D>>,
}

/// The entries of a model that depends on another, its type erased.
pub(crate) trait Shown<D: Database>: Send + Sync {
    /// What becomes of the entries of these rows.
    fn of<'a>(
        &'a self,
        session: &'a mut Session<D>,
        rows: Condition<D::Backend>,
    ) -> BoxFuture<'a, Result<Vec<Touch>>>;

    /// Removes the entries of these rows, as they are now.
    fn forget(self: Arc<Self>, rows: Condition<D::Backend>) -> BoxFuture<'static, ()>;

    /// What becomes of the entries with these keys, given as a `Vec` of them, whether there are
    /// such rows or not.
    fn with_keys(&self, keys: &dyn Any) -> Vec<Touch>;

    /// What becomes of all entries of the table.
    fn all(&self) -> Result<Touch>;
}

/// Some rows of a model that depends on another, and its entries: these, whatever the rows are.
struct SomeOf<D: Database> {
    rows: Condition<D::Backend>,
    known: Vec<Touch>,
    entries: Arc<dyn Shown<D>>,
}

impl<D: Database> Default for Dependents<D> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<D: Database> Dependents<D> {
    /// Once, when all models are put together.
    pub(crate) fn set(&self, dependents: Vec<Dependent<D>>) {
        let _ = self.0.set(dependents);
    }

    pub(crate) fn are_none(&self) -> bool {
        self.each().is_empty()
    }

    fn each(&self) -> &[Dependent<D>] {
        self.0.get().map_or(&[], Vec::as_slice)
    }

    /// The rows that depend on those with these keys, as they are now.
    pub(crate) async fn touch<K: Clone + Send + Sync + 'static>(
        &self,
        session: &mut Session<D>,
        keys: &[K],
    ) -> Result<()> {
        if self.are_none() || keys.is_empty() || !Guard::TouchDependents.stands() {
            return Ok(());
        }
        for SomeOf { rows, known, entries } in self.rows(keys.to_vec()) {
            let touches = entries.of(session, rows).await?;
            session.touch(touches);
            session.touch(known);
        }
        Ok(())
    }

    /// The same once more, when the transaction has committed.
    pub(crate) fn touch_again<K: Clone + Send + Sync + 'static>(
        &self,
        session: &mut Session<D>,
        keys: &[K],
    ) {
        if !keys.is_empty() && Guard::TouchDependents.stands() && Guard::DependentsAgain.stands() {
            self.later(keys.to_vec()).into_iter().for_each(|later| session.later(later));
        }
    }

    /// What to do about those that depend on rows with these keys, once a change has committed.
    pub(crate) fn later<K: Send + Sync + 'static>(&self, keys: Vec<K>) -> Vec<Later> {
        let later = |SomeOf { rows, known, entries }: SomeOf<D>| -> Later {
            Box::new(move || {
                Box::pin(async move {
                    remove(known).await;
                    entries.forget(rows).await;
                })
            })
        };
        self.rows(keys).into_iter().map(later).collect()
    }

    /// What a write of the whole table does to those that depend on it.
    pub(crate) fn table_removals(&self) -> Result<Vec<Touch>> {
        self.each().iter().map(|dependent| dependent.entries.all()).collect()
    }

    fn rows<K: Send + Sync + 'static>(&self, keys: Vec<K>) -> Vec<SomeOf<D>> {
        let keys: Box<dyn Any> = Box::new(keys);
        let some_of = |it: &Dependent<D>| {
            let known = if it.by_key { it.entries.with_keys(&*keys) } else { Vec::new() };
            Some(SomeOf { rows: (it.rows)(&*keys)?, known, entries: it.entries.clone() })
        };
        self.each().iter().filter_map(some_of).collect()
    }
}

impl<M: Statements<D::Backend>, D: Database> Shown<D> for Keeper<M, D> {
    fn of<'a>(
        &'a self,
        session: &'a mut Session<D>,
        rows: Condition<D::Backend>,
    ) -> BoxFuture<'a, Result<Vec<Touch>>> {
        Box::pin(async move {
            let rows = session.load(Load::<_, M>::select(rows)).await?;
            Ok(self.removals(rows))
        })
    }

    fn forget(self: Arc<Self>, rows: Condition<D::Backend>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // A row that has lost what it shows is not selected with it any more.
            let keys = self.database.load(Load::<_, KeyOf<M>>::keys(rows.clone())).await;
            let rows = self.database.load(Load::<_, M>::select(rows)).await;
            match keys.and_then(|keys| Ok((keys, rows?))) {
                Ok((keys, rows)) => {
                    let mut touches = self.removals(rows);
                    touches.extend(keys.iter().flat_map(|key| self.by_key(&key.0)));
                    remove(touches).await;
                }
                Err(error) => tracing::error!(
                    %error,
                    model = M::DESCRIPTOR.model,
                    "rows that depend on others could not be looked for once more; the ttl covers \
                     those that were inserted meanwhile"
                ),
            }
        })
    }

    fn with_keys(&self, keys: &dyn Any) -> Vec<Touch> {
        let keys = keys.downcast_ref::<Vec<M::Key>>();
        keys.into_iter().flatten().flat_map(|key| self.by_key(key)).collect()
    }

    fn all(&self) -> Result<Touch> {
        self.table_removal()
    }
}

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// What becomes of every entry that these rows are known by.
    fn removals(&self, rows: Vec<M>) -> Vec<Touch> {
        let rows: Vec<Arc<M>> = rows.into_iter().map(Arc::new).collect();
        let mut touches: Vec<Touch> = rows.iter().map(|row| self.removal(&row.key())).collect();
        for row in &rows {
            self.lookups_of(row, &mut |entry| touches.push(self.remove(entry)));
        }
        touches.extend(self.lists_touched(&rows, &[]));
        touches.extend(self.wholes_touched(&rows, &[]));
        touches
    }
}
