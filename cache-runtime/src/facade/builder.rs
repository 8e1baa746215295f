//! Putting a cache together, with everything checked that can be checked before
//! the first read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::aggregates;
use super::behind;
use super::cache::{Cache, Inner};
use super::checks::{check_fences, check_models, check_runtime, link, needs_claim};
use super::codecs::codecs;
use super::contracts::contracts;
use super::drift::{Declarations, Drift, program};
use super::duties::Duties;
#[cfg(feature = "events")]
use super::events::{Consumption, Events};
use super::reconcile::{Reconcile, Running};
use super::registration::{Parts, Registration};
use crate::adapters::metrics::MetricsTelemetry;
use crate::adapters::system::{RandomTokens, SystemClock};
use crate::engine::debt::{FENCE_EXPIRY, Ledger};
use crate::engine::entry::Codecs;
use crate::engine::exclusive::claim;
use crate::engine::fences::Fences;
use crate::engine::in_flight::InFlight;
use crate::engine::loader::LeasePolicy;
use crate::engine::reconciler::Reconciler;
use crate::engine::registrar::Registrar;
use crate::engine::registry::Registry;
use crate::engine::shield::{BreakerPolicy, Shield};
use crate::engine::switch::Switch;
use crate::engine::view::View;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::codec::Codec;
use crate::ports::contract::Contracts;
use crate::ports::database::Database;
use crate::ports::store::Store;
use crate::ports::telemetry::Telemetry;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::EntryKey;

/// Options of a cache as a whole; what belongs to a model stands on the model.
pub struct Builder<D: Database> {
    database: D,
    store: Option<Arc<dyn Store>>,
    models: Vec<Registration<D>>,
    namespace: String,
    codec: Option<Arc<dyn Codec>>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn Tokens>,
    telemetry: Arc<dyn Telemetry>,
    max_entry: usize,
    lease: LeasePolicy,
    breaker: BreakerPolicy,
    fence_expiry: Duration,
    clock_margin: Option<Duration>,
    accepts_fence_loss: bool,
    accepts_write_loss: bool,
    reconcile: Option<Reconcile>,
    #[cfg(feature = "events")]
    events: Vec<Events<D>>,
    service: Option<String>,
    on_drift: Drift,
    registers: bool,
    contract_lease: Duration,
    key_format: u32,
}

impl<D: Database> Builder<D> {
    pub(super) fn new(database: D) -> Self {
        Self {
            database,
            store: None,
            models: Vec::new(),
            namespace: String::new(),
            codec: None,
            clock: Arc::new(SystemClock::default()),
            tokens: Arc::new(RandomTokens::default()),
            telemetry: Arc::new(MetricsTelemetry),
            max_entry: 1 << 20,
            lease: LeasePolicy {
                expiry: Duration::from_secs(10),
                patience: Duration::from_secs(1),
            },
            breaker: BreakerPolicy { failures: 3, cool_down: Duration::from_millis(500) },
            fence_expiry: FENCE_EXPIRY,
            clock_margin: None,
            accepts_fence_loss: false,
            accepts_write_loss: false,
            reconcile: None,
            #[cfg(feature = "events")]
            events: Vec::new(),
            service: None,
            on_drift: Drift::default(),
            registers: false,
            contract_lease: Duration::from_secs(10),
            key_format: EntryKey::FORMAT,
        }
    }

    /// Where entries live. There is no default: a store for one process and one for
    /// many promise different things.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The same, with a store that others hold too.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The models of this cache: `models![Account, Order]`.
    #[must_use]
    pub fn models(mut self, models: impl IntoIterator<Item = Registration<D>>) -> Self {
        self.models.extend(models);
        self
    }

    /// Begins every key, to keep applications, regions or environments on one store
    /// apart. Empty by default. All processes that share rows must name the same.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The codec of new entries; bincode by default. Entries of the built-in codecs stay
    /// readable, so a change needs no flush.
    #[must_use]
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codec = Some(Arc::new(codec));
        self
    }

    /// The largest encoded entry, in bytes; 1 MiB by default. A larger row stays uncached.
    #[must_use]
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.max_entry = bytes;
        self
    }

    /// How long a lease stands if the process that took it dies; 10 s by default. A load that
    /// takes longer is answered, but not filled.
    #[must_use]
    pub fn lease_expiry(mut self, expiry: Duration) -> Self {
        self.lease.expiry = expiry;
        self
    }

    /// How long a fence stands if the process that put it up dies; 10 s by default. It is
    /// renewed for as long as a COMMIT takes. While it stands, its entry is read from the
    /// database.
    #[must_use]
    pub fn fence_expiry(mut self, expiry: Duration) -> Self {
        self.fence_expiry = expiry;
        self
    }

    /// By how much the clocks of the store's nodes may differ, or one of them jump, at a failover
    /// or otherwise; a tenth of each model's bound by default. It is taken off the deadlines within
    /// which a `bounded` model serves hits, so that the bound holds in spite of it.
    #[must_use]
    pub fn clock_margin(mut self, margin: Duration) -> Self {
        self.clock_margin = Some(margin);
        self
    }

    /// Accepts that `strict(fenced)` does not hold where the store forgets a fence: by eviction,
    /// by an asynchronous failover, by a restart from an old snapshot. Without this, such a
    /// store is refused. Also acknowledges a strict write whose end the store did not confirm.
    #[must_use]
    pub fn accept_fence_loss(mut self) -> Self {
        self.accepts_fence_loss = true;
        self
    }

    /// Accepts that acknowledged writes of a write-behind model are lost where the database forgets
    /// what it has committed: PostgreSQL with `synchronous_commit`, `fsync` or `full_page_writes`
    /// off, MySQL with `innodb_flush_log_at_trx_commit` other than 1, SQLite with `synchronous`
    /// below FULL, or in memory. Without this, such settings are refused.
    #[must_use]
    pub fn accept_write_loss(mut self) -> Self {
        self.accepts_write_loss = true;
        self
    }

    /// How long to wait for another process's fill before reading the database without
    /// filling; 1 s by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.lease.patience = patience;
        self
    }

    /// The store's circuit breaker: left alone for `cool_down` after `failures` failures in a
    /// row. 3 and 500 ms by default.
    #[must_use]
    pub fn breaker(mut self, failures: u32, cool_down: Duration) -> Self {
        self.breaker = BreakerPolicy { failures, cool_down };
        self
    }

    /// Looks for stale entries in the background, and removes them: for changes that go past the
    /// cache, as cascades, TRUNCATE and raw SQL do. Off by default.
    #[must_use]
    pub fn reconcile(mut self, reconcile: Reconcile) -> Self {
        self.reconcile = Some(reconcile);
        self
    }

    /// Takes domain events from a source: what other programs tell of their changes. Once for each
    /// source.
    #[cfg(feature = "events")]
    #[must_use]
    pub fn events(mut self, events: Events<D>) -> Self {
        self.events.push(events);
        self
    }

    /// The name of this service, under which it declares its policy to others on the store; by
    /// default that of the program. All processes of a service name the same.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// What to do where another service has declared another ttl, consistency or key scheme for
    /// the same entries. [`Drift::Warn`] by default.
    #[must_use]
    pub fn on_drift(mut self, drift: Drift) -> Self {
        self.on_drift = drift;
        self
    }

    /// Registers in the database which kinds of entries this process knows, so that each is served
    /// only while every live process knows it: a rolling deploy may add lists, unique values,
    /// aggregates and dependencies, and be rolled back. Off by default. Needs the tables of the
    /// migration `cache_contracts`.
    ///
    /// `build()` answers when all others have seen what this process does not know. A write is
    /// one statement more, and fails with [`ErrorKind::Unregistered`] where this process was taken
    /// for dead.
    #[must_use]
    pub fn register_contracts(mut self) -> Self {
        self.registers = true;
        self
    }

    /// How long this process is live to others if it dies without a goodbye; 10 s by default, and
    /// at least 200 ms. It is renewed ten times within that, and if it cannot be, nothing is served
    /// from the cache after six tenths of it.
    #[must_use]
    pub fn contract_lease(mut self, lease: Duration) -> Self {
        self.contract_lease = lease;
        self
    }

    /// Stands for a build that names its keys in another way.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    #[must_use]
    pub fn key_format(mut self, format: u32) -> Self {
        self.key_format = format;
        self
    }

    /// Where metrics go; the `metrics` facade by default.
    #[must_use]
    pub fn telemetry(mut self, telemetry: impl Telemetry) -> Self {
        self.telemetry = Arc::new(telemetry);
        self
    }

    /// The clock; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The source of lease tokens; the system's generator by default.
    #[must_use]
    pub fn tokens(mut self, tokens: impl Tokens) -> Self {
        self.tokens = Arc::new(tokens);
        self
    }

    /// Checks everything and opens the cache.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] outside of a tokio runtime, if no store is named, if no codec
    /// is built in or given,
    /// if a model is listed twice, or if two models read one table: a write through one would
    /// not invalidate the other, or if the tables are missing that a model or
    /// [`register_contracts`](Self::register_contracts) needs. [`ErrorKind::Pool`] if the database gives no connection,
    /// [`ErrorKind::Store`] if the store does not answer.
    pub async fn build(self) -> Result<Cache<D>> {
        check_runtime()?;
        let store = self.store.ok_or_else(|| {
            configuration(
                "no store is named; add `.store(Redis::url(..)?)` for several processes, or \
                 `.store(InProcess::new())` for one",
            )
        })?;
        check_models(&self.models)?;
        aggregates::check(&self.models)?;
        self.database.check().await?;
        let facts = store.start().await?;
        if !self.accepts_fence_loss {
            check_fences(&self.models, &facts)?;
        }
        let (writer, built_in) = codecs(self.codec)?;
        let switch = Switch::default();
        let shield = Arc::new(Shield::new(
            store.clone(),
            self.clock.clone(),
            self.telemetry.probe("*", store.tier()),
            self.breaker,
        ));
        let fences = Fences {
            shield: shield.clone(),
            clock: self.clock.clone(),
            tokens: self.tokens.clone(),
            expiry: self.fence_expiry,
        };
        let strict = self.models.iter().any(|model| needs_claim(&model.descriptor));
        let exclusive = match facts.instance.filter(|_| strict) {
            Some(instance) => {
                claim(&self.database, &self.clock, &self.namespace, instance, &switch).await?
            }
            None => None,
        };
        let service = self.service.unwrap_or_else(program);
        let duties = Duties::of(&self.models, &self.namespace, self.key_format)?;
        let registered = match self.registers {
            true => {
                let registry = Registry {
                    database: self.database.clone(),
                    program: service.clone(),
                    writes: duties.writes,
                    lease: self.contract_lease.max(Duration::from_millis(200)),
                };
                let view = Arc::new(View::new(duties.kinds, self.clock.clone()));
                let (clock, tokens) = (self.clock.clone(), self.tokens.clone());
                Some(Registrar::start(registry, view, clock, tokens).await?)
            }
            false => None,
        };
        let ledger = Arc::new(Ledger {
            _exclusive: exclusive,
            registered,
            database: self.database,
            fences,
            in_flight: InFlight::default(),
            accepts_fence_loss: self.accepts_fence_loss,
        });
        #[cfg_attr(
            not(feature = "events"),
            expect(unused_mut, reason = "events are declared in them")
        )]
        let mut contracts = contracts(&self.models)?;
        #[cfg(feature = "events")]
        for events in &self.events {
            events.declare(&mut contracts)?;
        }
        let parts = Parts {
            ledger: ledger.clone(),
            namespace: self.namespace,
            shield,
            codecs: Arc::new(Codecs::new(writer, built_in, self.max_entry)),
            clock: self.clock.clone(),
            tokens: self.tokens,
            telemetry: self.telemetry,
            lease: self.lease,
            clock_margin: self.clock_margin,
            switch: switch.clone(),
            places: duties.places,
            contracts,
            accepts_write_loss: self.accepts_write_loss,
            one_in: self.reconcile.map_or(0, |reconcile| reconcile.one_in),
        };
        let mut models = HashMap::new();
        for model in &self.models {
            models.insert(model.id, (model.put_together)(&parts).await?);
        }
        link(&self.models, &models);
        let strays = behind::watch(&parts, &self.models, &models)?;
        aggregates::link(&self.models, &models);
        let contracts = Contracts::of(parts.contracts);
        let declarations = Declarations {
            shield: parts.shield,
            clock: self.clock.clone(),
            namespace: parts.namespace,
            service,
            contracts: contracts.clone(),
        };
        let declared = declarations.begin(self.on_drift).await?;
        #[cfg(feature = "events")]
        let consuming = {
            let parts = Consumption {
                models: &models,
                ledger: &ledger,
                clock: &self.clock,
                telemetry: &parts.telemetry,
                tier: store.tier(),
                switch: &switch,
            };
            parts.start(self.events).await?
        };
        let running = self.reconcile.map(|reconcile| {
            let settle = reconcile.settle.unwrap_or(self.fence_expiry + Duration::from_secs(1));
            Running::start(Reconciler {
                models: models.values().map(|model| model.watched.clone()).collect(),
                progress: Arc::default(),
                clock: self.clock,
                switch: switch.clone(),
                pause: reconcile.pause,
                settle,
            })
        });
        Ok(Cache::put_together(Inner {
            models,
            switch,
            facts,
            ledger,
            contracts,
            declared,
            running,
            _strays: strays,
            #[cfg(feature = "events")]
            consuming,
        }))
    }
}

fn configuration(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, context)
}
