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
use crate::ports::model::{Model, Statements};
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

    /// What becomes of all entries of the table.
    fn all(&self) -> Result<Touch>;
}

/// Some rows of a model that depends on another, and its entries.
type SomeOf<D> = (Condition<<D as Database>::Backend>, Arc<dyn Shown<D>>);

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

    fn each(&self) -> &[Dependent<D>] {
        self.0.get().map_or(&[], Vec::as_slice)
    }

    /// The rows that depend on those with these keys, as they are now.
    pub(crate) async fn touch<K: Clone + Send + Sync + 'static>(
        &self,
        session: &mut Session<D>,
        keys: &[K],
    ) -> Result<()> {
        if self.each().is_empty() || keys.is_empty() || !Guard::TouchDependents.stands() {
            return Ok(());
        }
        for (rows, entries) in self.rows(keys.to_vec()) {
            let touches = entries.of(session, rows.clone()).await?;
            session.touch(touches);
            if Guard::DependentsAgain.stands() {
                session.later(Box::new(move || entries.forget(rows)));
            }
        }
        Ok(())
    }

    /// The same, of those that depend on these rows.
    pub(crate) async fn touch_those_of<M: Model>(
        &self,
        session: &mut Session<D>,
        rows: &[Arc<M>],
    ) -> Result<()> {
        if self.each().is_empty() {
            return Ok(());
        }
        let keys: Vec<M::Key> = rows.iter().map(|row| row.key()).collect();
        self.touch(session, &keys).await
    }

    /// What to do about those that depend on rows with these keys, once a change has committed.
    pub(crate) fn later<K: Send + Sync + 'static>(&self, keys: Vec<K>) -> Vec<Later> {
        let later =
            |(rows, entries): SomeOf<D>| -> Later { Box::new(move || entries.forget(rows)) };
        self.rows(keys).into_iter().map(later).collect()
    }

    /// What a write of the whole table does to those that depend on it.
    pub(crate) fn table_removals(&self) -> Result<Vec<Touch>> {
        self.each().iter().map(|dependent| dependent.entries.all()).collect()
    }

    fn rows<K: Send + Sync + 'static>(&self, keys: Vec<K>) -> Vec<SomeOf<D>> {
        let keys: Box<dyn Any> = Box::new(keys);
        let each = self.each().iter();
        each.filter_map(|it| Some(((it.rows)(&*keys)?, it.entries.clone()))).collect()
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
            match self.database.load(Load::<_, M>::select(rows)).await {
                Ok(rows) => remove(self.removals(rows)).await,
                Err(error) => tracing::error!(
                    %error,
                    model = M::DESCRIPTOR.model,
                    "rows that depend on others could not be looked for once more; the ttl covers \
                     those that were inserted meanwhile"
                ),
            }
        })
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
        touches
    }
}
