//! The cache: one pool, one store, and the models that live on them.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::builder::Builder;
use super::drift::Declared;
#[cfg(feature = "events")]
use super::events::Consuming;
use super::into_database::IntoDatabase;
use super::reconcile::Running;
use super::registration::Ready;
use super::repository::{Cached, Repository};
use crate::engine::behind::flusher::Flushes;
use crate::engine::debt::Ledger;
use crate::engine::keeper::Keeper;
use crate::engine::switch::Switch;
use crate::ports::contract::Contracts;
use crate::ports::database::Database;
use crate::ports::model::Statements;
use crate::ports::store::StoreFacts;

/// Repositories over one database and one store. Cheap to clone.
///
/// Everything runs on the Tokio runtime of whoever calls, and panics outside of one, as Tokio
/// does. Code that is not async takes [`blocking`](Self::blocking), or [`Blocking`](crate::Blocking).
pub struct Cache<D: Database>(Arc<Inner<D>>);

pub(super) struct Inner<D: Database> {
    pub(super) models: HashMap<TypeId, Ready<D>>,
    pub(super) switch: Switch,
    pub(super) facts: StoreFacts,
    pub(super) ledger: Arc<Ledger<D>>,
    pub(super) contracts: Contracts,
    pub(super) declared: Declared,
    pub(super) running: Option<Running>,
    /// Gone, it ends what looks for pending writes that nobody flushes.
    pub(super) _strays: Option<oneshot::Sender<()>>,
    #[cfg(feature = "events")]
    pub(super) consuming: Vec<Consuming>,
}

impl<D: Database> Clone for Cache<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: Database> Cache<D> {
    /// Begins a cache over this pool.
    pub fn builder(pool: impl IntoDatabase<Database = D>) -> Builder<D> {
        Builder::new(pool.into_database())
    }

    pub(super) fn put_together(inner: Inner<D>) -> Self {
        Self(Arc::new(inner))
    }

    /// The repository of a model. All repositories of one model share their loads.
    ///
    /// # Panics
    ///
    /// If the model is not among those given to the builder: take repositories when the
    /// application starts.
    #[must_use]
    pub fn repository<M: Cached + Statements<D::Backend>>(&self) -> M::Repository<D> {
        Repository::new(self.0.ledger.clone(), self.keeper::<M>()).into()
    }

    pub(super) fn running(&self) -> Option<&Running> {
        self.0.running.as_ref()
    }

    #[cfg(feature = "events")]
    pub(super) fn consuming(&self) -> &[Consuming] {
        &self.0.consuming
    }

    pub(super) fn declared(&self) -> &Declared {
        &self.0.declared
    }

    pub(super) fn switch(&self) -> &Switch {
        &self.0.switch
    }

    pub(super) fn flushers(&self) -> Vec<Arc<dyn Flushes>> {
        self.0.models.values().filter_map(|model| model.flusher.clone()).collect()
    }

    pub(super) fn ledger(&self) -> &Arc<Ledger<D>> {
        &self.0.ledger
    }

    #[track_caller]
    pub(super) fn keeper<M: Cached + Statements<D::Backend>>(&self) -> Arc<Keeper<M, D>> {
        let keeper = self.model::<M>().keeper.clone().downcast();
        keeper.unwrap_or_else(|_| unreachable!("registered under its own type"))
    }

    /// The database under the cache, for what goes past it.
    pub fn database(&self) -> &D {
        &self.0.ledger.database
    }

    /// What each model has declared, sorted by name. Printed, it is text that a test can compare.
    pub fn contracts(&self) -> &Contracts {
        &self.0.contracts
    }

    /// The kinds of entries that are not served at present, because another live process may not
    /// know them, or has not said so lately: their reads go to the database. None without
    /// [`Builder::register_contracts`].
    pub fn withheld(&self) -> Vec<String> {
        let registered = self.0.ledger.registered.as_ref();
        registered.map_or(Vec::new(), |registered| registered.view.withheld())
    }

    /// What the store said of itself at start.
    pub fn store_facts(&self) -> &StoreFacts {
        &self.0.facts
    }

    /// The kill switch for everything: reads go to the database, nothing is filled.
    /// Writes still invalidate, so that [`on`](Self::on) serves nothing stale.
    pub fn off(&self) {
        self.0.switch.set(true);
    }

    /// Undoes [`off`](Self::off).
    pub fn on(&self) {
        self.0.switch.set(false);
    }

    /// The kill switch for one model.
    ///
    /// # Panics
    ///
    /// If the model is not among those given to the builder.
    pub fn off_for<M: Cached>(&self) {
        self.model::<M>().switch.set(true);
    }

    /// Undoes [`off_for`](Self::off_for). The model stays off while everything is.
    ///
    /// # Panics
    ///
    /// If the model is not among those given to the builder.
    pub fn on_for<M: Cached>(&self) {
        self.model::<M>().switch.set(false);
    }

    #[track_caller]
    fn model<M: Cached>(&self) -> &Ready<D> {
        self.0.models.get(&TypeId::of::<M>()).unwrap_or_else(|| {
            panic!(
                "`{model}` is not in this cache; add it to the list: \
                 `Cache::builder(..).models(models![{model}, ..])`",
                model = M::DESCRIPTOR.model
            )
        })
    }
}
