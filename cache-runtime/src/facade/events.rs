//! Domain events as an application takes them.

use std::any::{Any, TypeId};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cache::Cache;
use super::registration::Ready;
use super::repository::Cached;
use crate::adapters::event_table::EventTable;
use crate::engine::consumer::{Consumer, Progress};
use crate::engine::debt::Ledger;
use crate::engine::keeper::Keeper;
use crate::engine::routes::{Route, Routes, Target};
use crate::engine::switch::Switch;
use crate::patterns::event::{Keys, Taking, named};
use crate::ports::clock::Clock;
use crate::ports::contract::Contract;
use crate::ports::database::Database;
use crate::ports::event_source::{DomainEvent, EventSource};
use crate::ports::model::{BoxError, Model, Statements};
use crate::ports::telemetry::Telemetry;
use crate::values::error::{Error, ErrorKind, Result};

/// A source of domain events, and which models take them. For
/// [`Builder::events`](crate::Builder::events).
///
/// ```ignore
/// Events::new(RedisStream::url("redis://events/", "accounts", "checkout")?)
///     .on::<Account>("account.changed")            // its `key` is the row's
///     .on_table::<Price>("prices.reloaded")
///     .on_with::<Order>("payment.received", |event| {
///         Ok(vec![event.field("order").ok_or("no order")?.parse()?])
///     })
/// ```
///
/// An event does what an invalidation by hand does, at least once, and never puts a row. All
/// models that take events must say `bulk = ..` or be `bounded`, as events that were lost or cannot
/// be read make whole tables void.
#[must_use]
pub struct Events<D: Database> {
    origin: Origin,
    wanted: Vec<Wanted<D>>,
    ahead: Option<Duration>,
    pause: Duration,
}

enum Origin {
    Given(Arc<dyn EventSource>),
    Table,
}

struct Wanted<D> {
    kind: String,
    model: TypeId,
    name: &'static str,
    bind: Bind,
    database: std::marker::PhantomData<fn() -> D>,
}

type Bind = Box<dyn Fn(Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn Target>> + Send + Sync>;

impl<D: Database> Events<D> {
    /// From this source.
    pub fn new(source: impl EventSource) -> Self {
        Self::shared(Arc::new(source))
    }

    /// From a source that others hold too.
    pub fn shared(source: Arc<dyn EventSource>) -> Self {
        Self::of(Origin::Given(source))
    }

    /// From the table `cache_events` of the cache's own database, into which other services, or
    /// triggers, insert an event in the transaction of the change.
    pub fn table() -> Self {
        Self::of(Origin::Table)
    }

    fn of(origin: Origin) -> Self {
        Self { origin, wanted: Vec::new(), ahead: None, pause: Duration::from_millis(100) }
    }

    /// Events of this kind are about the row of `M` that their `key` names; without one, about the
    /// whole table.
    pub fn on<M: Cached + Statements<D::Backend>>(self, kind: impl Into<String>) -> Self {
        self.taking::<M>(kind, Arc::new(named::<M>))
    }

    /// Events of this kind are about the rows of `M` with the keys that `keys` finds in them. An
    /// error is that of an event that cannot be read.
    pub fn on_with<M: Cached + Statements<D::Backend>>(
        self,
        kind: impl Into<String>,
        keys: impl Fn(&DomainEvent) -> Result<Vec<<M as Model>::Key>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.taking::<M>(kind, Arc::new(move |event| keys(event).map(Some)))
    }

    /// Events of this kind are about the whole table of `M`.
    pub fn on_table<M: Cached + Statements<D::Backend>>(self, kind: impl Into<String>) -> Self {
        self.taking::<M>(kind, Arc::new(|_| Ok(None)))
    }

    fn taking<M: Cached + Statements<D::Backend>>(
        mut self,
        kind: impl Into<String>,
        keys: Keys<M>,
    ) -> Self {
        let bind: Bind = Box::new(move |keeper| {
            let keeper = keeper.downcast::<Keeper<M, D>>().ok()?;
            Some(Arc::new(Taking { keeper, keys: keys.clone() }))
        });
        self.wanted.push(Wanted {
            kind: kind.into(),
            model: TypeId::of::<M>(),
            name: M::DESCRIPTOR.model,
            bind,
            database: std::marker::PhantomData,
        });
        self
    }

    /// How far an event may run ahead of the commit that makes visible what it tells of, instead of
    /// what the source says of itself. For so long the rows that it is about are read from the
    /// database, and then they are removed once more.
    pub fn ahead(mut self, time: Duration) -> Self {
        self.ahead = Some(time);
        self
    }

    /// The pause between two reads of a source that had nothing; 100 ms by default.
    pub fn every(mut self, pause: Duration) -> Self {
        self.pause = pause.max(Duration::from_millis(1));
        self
    }

    /// What it is called.
    fn name(&self) -> String {
        match &self.origin {
            Origin::Given(source) => source.name().to_owned(),
            Origin::Table => crate::adapters::event_table::NAME.to_owned(),
        }
    }

    /// Writes into the contracts which events end the life of entries.
    pub(super) fn declare(
        &self,
        contracts: &mut std::collections::HashMap<TypeId, Arc<Contract>>,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        for Wanted { kind, model, name, .. } in &self.wanted {
            if kind.is_empty() || !seen.insert((kind, model)) {
                return Err(configuration(format!(
                    "`{name}` takes events `{kind}` of {} twice, or without a kind; each model \
                     takes a kind once from one source",
                    self.name()
                )));
            }
            let Some(contract) = contracts.get_mut(model) else {
                return Err(configuration(format!(
                    "`{name}` takes events but is not in this cache; add it to \
                     `.models(models![{name}, ..])`"
                )));
            };
            Arc::make_mut(contract).events.push(format!("{kind} ({})", self.name()));
        }
        Ok(())
    }

    /// Checks the source and its models, and begins to consume.
    async fn start(self, parts: &Consumption<'_, D>) -> Result<Consuming> {
        let name = self.name();
        let source = match self.origin {
            Origin::Given(source) => source,
            Origin::Table => Arc::new(EventTable::new(parts.ledger.database.clone())),
        };
        let mut routes = Vec::new();
        for Wanted { kind, model, name: model_name, bind, .. } in self.wanted {
            let keeper = parts.models.get(&model).map(|ready| ready.keeper.clone());
            let Some(target) = keeper.and_then(bind) else { continue };
            target.check().map_err(|source| {
                configuration(format!(
                    "`{model_name}` takes events, which make its whole table void where they are \
                     lost; say `bulk = 1000` on it and on the models of its aggregate or that \
                     depend on it"
                ))
                .with_source(source)
            })?;
            routes.push(Route { kind, target });
        }
        source.start().await?;
        let guarantee = source.guarantee();
        tracing::info!(source = name, ?guarantee, "domain events are consumed");
        let progress = Arc::<Progress>::default();
        let consumer = Consumer {
            routes: Routes(routes),
            ahead: self.ahead.unwrap_or(guarantee.ahead),
            source,
            ledger: parts.ledger.clone(),
            clock: parts.clock.clone(),
            probe: parts.telemetry.probe("*", parts.tier),
            progress: progress.clone(),
            switch: parts.switch.clone(),
            pause: self.pause,
            recent: Default::default(),
        };
        let (alive, gone) = oneshot::channel();
        tokio::spawn(Arc::new(consumer).run(gone));
        Ok(Consuming { name, progress, _alive: alive })
    }
}

/// What a consumer is started with.
pub(super) struct Consumption<'a, D: Database> {
    pub(super) models: &'a std::collections::HashMap<TypeId, Ready<D>>,
    pub(super) ledger: &'a Arc<Ledger<D>>,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) telemetry: &'a Arc<dyn Telemetry>,
    pub(super) tier: &'static str,
    pub(super) switch: &'a Switch,
}

impl<D: Database> Consumption<'_, D> {
    /// Checks the sources and their models, and begins to consume.
    pub(super) async fn start(self, all: Vec<Events<D>>) -> Result<Vec<Consuming>> {
        let mut consuming = Vec::with_capacity(all.len());
        for events in all {
            consuming.push(events.start(&self).await?);
        }
        Ok(consuming)
    }
}

/// What became of the events of one source, in this process, since the cache was built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consumed {
    /// The source.
    pub source: String,
    /// Events that were applied and acknowledged.
    pub applied: u64,
    /// Events that came again and had been applied.
    pub repeated: u64,
    /// Events of kinds that no model takes. They are kept.
    pub unknown: u64,
    /// Events that could not be read. They are kept, and their tables were made void.
    pub parked: u64,
    /// How often events were lost, and their tables made void.
    pub gaps: u64,
    /// How often something failed, and was tried again.
    pub failures: u64,
}

/// A consumer, which ends with its cache.
pub(super) struct Consuming {
    name: String,
    progress: Arc<Progress>,
    /// Gone, it ends.
    _alive: oneshot::Sender<()>,
}

impl<D: Database> Cache<D> {
    /// What has become of the domain events of each source, in the order of the builder.
    pub fn consumed(&self) -> Vec<Consumed> {
        let of = |consuming: &Consuming| {
            let progress = &consuming.progress;
            Consumed {
                source: consuming.name.clone(),
                applied: progress.applied.load(Ordering::Relaxed),
                repeated: progress.repeated.load(Ordering::Relaxed),
                unknown: progress.unknown.load(Ordering::Relaxed),
                parked: progress.parked.load(Ordering::Relaxed),
                gaps: progress.gaps.load(Ordering::Relaxed),
                failures: progress.failures.load(Ordering::Relaxed),
            }
        };
        self.consuming().iter().map(of).collect()
    }
}

fn configuration(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, context)
}
