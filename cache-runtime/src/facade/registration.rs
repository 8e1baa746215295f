//! How a model comes into a cache: with its type erased, so that one list holds all.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::query_builder::{QueryBuilder as _, QueryFragment as _};
use tokio::sync::oneshot;

use super::behind;
use crate::engine::behind::flusher::Flushes;
use crate::engine::comparison::Watched;
use crate::engine::debt::Ledger;
use crate::engine::dependents::{Dependents, Shown};
use crate::engine::entry::Codecs;
use crate::engine::flight::Flights;
use crate::engine::invalidator::Invalidator;
use crate::engine::keeper::{Keeper, Triggers};
use crate::engine::lists::Lists;
use crate::engine::loader::{Entries, LeasePolicy, Loader};
use crate::engine::outbox::{self, Outbox, Scope};
use crate::engine::relay::{Relay, State};
use crate::engine::sampler::Sampler;
use crate::engine::shield::Shield;
use crate::engine::sources::{Lookups, Rows};
use crate::engine::switch::Switch;
use crate::engine::tier::Tier;
use crate::engine::view::{Places, Seen};
use crate::engine::wholes::{Root, RootOf};
use crate::ports::BoxFuture;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::contract::Contract;
use crate::ports::database::{Database, Dialect};
use crate::ports::dependency::Dependency;
use crate::ports::load::Load;
use crate::ports::model::{Descriptor, Model, Statements};
use crate::ports::telemetry::{Probe, Telemetry};
use crate::values::error::{Error, ErrorKind, Result};

/// What all models of one cache share.
pub(crate) struct Parts<D> {
    pub(crate) ledger: Arc<Ledger<D>>,
    pub(crate) namespace: String,
    pub(crate) shield: Arc<Shield>,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) lease: LeasePolicy,
    /// Taken off the deadlines of watermarks.
    pub(crate) clock_margin: Option<Duration>,
    pub(crate) switch: Switch,
    /// Where the kinds of each model's entries are among those that are registered.
    pub(crate) places: HashMap<TypeId, Places>,
    /// Each model's.
    pub(crate) contracts: HashMap<TypeId, Arc<Contract>>,
    /// Writes may be lost that a crash of the database's machine takes back.
    pub(crate) accepts_write_loss: bool,
    /// One read in so many is one that the reconciler may look at; 0 if there is none.
    pub(crate) one_in: u32,
}

/// A model put together.
pub(crate) struct Ready<D: Database> {
    pub(crate) switch: Switch,
    /// Its `Keeper<M, D>`.
    pub(crate) keeper: Arc<dyn Any + Send + Sync>,
    /// The same, as a model that depends on others.
    pub(crate) shown: Arc<dyn Shown<D>>,
    /// The same, as one whose entries can be compared with its rows.
    pub(crate) watched: Arc<dyn Watched>,
    /// Those that depend on it.
    pub(crate) dependents: Arc<Dependents<D>>,
    /// The same, as the root of an aggregate.
    pub(crate) whole: Arc<dyn Root>,
    /// Where it finds the root that it is a member of.
    pub(crate) root: RootOf,
    /// Its flusher, where it is written behind.
    pub(crate) flusher: Option<Arc<dyn Flushes>>,
}

/// A model in the list that [`models!`](crate::models) makes.
pub struct Registration<D: Database> {
    pub(crate) descriptor: Descriptor,
    pub(crate) id: TypeId,
    pub(crate) table: fn() -> Result<String>,
    pub(crate) dependencies: fn() -> Vec<Dependency<D::Backend>>,
    /// The tables beside its own that its columns are from.
    pub(crate) joined: fn() -> Vec<TypeId>,
    /// The root that it is a member of.
    pub(crate) root: fn() -> Option<TypeId>,
    /// The members that it is the root of.
    pub(crate) members: fn() -> Vec<TypeId>,
    pub(crate) put_together: PutTogether<D>,
}

/// Makes a [`Ready`], asking the database's catalogue about the table.
type PutTogether<D> = for<'a> fn(&'a Parts<D>) -> BoxFuture<'a, Result<Ready<D>>>;

impl<D: Database> Registration<D> {
    /// Registers `M`.
    pub fn of<M: Statements<D::Backend>>() -> Self {
        Self {
            descriptor: M::DESCRIPTOR,
            id: TypeId::of::<M>(),
            table: table::<M, D>,
            dependencies: M::dependencies,
            joined: || M::selected().map_or(Vec::new(), |selected| selected.tables),
            root: M::root,
            members: M::members,
            put_together: |parts| Box::pin(put_together::<M, D>(parts)),
        }
    }
}

/// The table's name in the database, with its schema, as Diesel writes it.
fn table<M: Statements<D::Backend>, D: Database>() -> Result<String> {
    let mut builder = <D::Backend as diesel::backend::Backend>::QueryBuilder::default();
    M::Table::default().to_sql(&mut builder, &D::Backend::default())?;
    Ok(builder.finish().replace(['"', '`'], ""))
}

async fn put_together<M: Statements<D::Backend>, D: Database>(
    parts: &Parts<D>,
) -> Result<Ready<D>> {
    let database = &parts.ledger.database;
    let name = table::<M, D>()?;
    let triggers = triggers(database, &name).await?;
    // What is written behind counts its versions by itself.
    if M::DESCRIPTOR.version.is_some() && M::behind().is_none() {
        check_counter::<M, D>(database).await?;
    }
    let probe =
        || parts.telemetry.probe(<M as Model>::DESCRIPTOR.model, parts.shield.store().tier());
    let registered = parts.ledger.registered.as_ref();
    let seen = registered
        .zip(parts.places.get(&TypeId::of::<M>()))
        .map(|(registered, places)| Seen { view: registered.view.clone(), places: places.clone() });
    let tier = Arc::new(Tier::new::<M>(
        parts.shield.clone(),
        parts.codecs.clone(),
        probe(),
        &parts.namespace,
        &name,
        seen,
    ));
    let outbox = behind::open::<M, D>(parts, &name, triggers).await?;
    let overlay = outbox.as_ref().map(behind::overlay);
    let rows = loader::<M, D, _>(parts, &tier, Rows::new(database.clone(), overlay));
    let lookups = loader::<M, D, _>(parts, &tier, Lookups::new(database.clone()));
    let lists = loader::<M, D, _>(parts, &tier, Lists::new(database.clone()));
    let invalidator = Arc::new(Invalidator::new(
        parts.shield.clone(),
        parts.clock.clone(),
        probe(),
        parts.ledger.in_flight.clone(),
    ));
    let switch = parts.switch.child();
    let contract = parts.contracts.get(&TypeId::of::<M>()).cloned();
    let contract = contract.unwrap_or_else(|| Arc::new(Contract::new(M::DESCRIPTOR, name.clone())));
    let (dependents, root) = (Arc::<Dependents<D>>::default(), RootOf::default());
    let relay = relay::<M, D>(parts, &tier, probe()).await?;
    let behind = outbox.map(|outbox| behind::start(parts, outbox, &tier, &invalidator, probe));
    let flusher = behind.as_ref().map(|behind| behind.flusher.clone());
    let keeper = Arc::new(Keeper::<M, D> {
        database: database.clone(),
        tier,
        rows,
        lookups,
        lists,
        wholes: OnceLock::new(),
        root: root.clone(),
        dependents: dependents.clone(),
        invalidator,
        switch: switch.clone(),
        tokens: parts.tokens.clone(),
        triggers,
        sampler: Sampler::new(parts.one_in),
        contract,
        behind,
        _relay: relay,
    });
    let (shown, whole, watched) = (keeper.clone(), keeper.clone(), keeper.clone());
    Ok(Ready { switch, keeper, shown, watched, dependents, whole, root, flusher })
}

/// Begins to relay what is changed in the model's table, where it is bounded. Until somebody has,
/// reads go to the database.
async fn relay<M: Model, D: Database>(
    parts: &Parts<D>,
    tier: &Tier,
    probe: Box<dyn Probe>,
) -> Result<Option<oneshot::Sender<()>>> {
    let (Some(bound), Some(table)) = (M::DESCRIPTOR.policy.bound(), tier.table_key()) else {
        return Ok(None);
    };
    let Some(scope) = Scope::checked(&table)? else { return Ok(None) };
    let margin = parts.clock_margin.unwrap_or(bound / 10);
    if margin > bound / 2 {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "`clock_margin` leaves less than half of the bound of `{}`, within which nothing \
                 would stay cached; declare a longer bound, or a shorter margin",
                M::DESCRIPTOR.model
            ),
        ));
    }
    let database = parts.ledger.database.clone();
    outbox::check(&database, M::DESCRIPTOR.model).await?;
    let outbox = Outbox { database, scope, table };
    outbox.prepare(bound.as_millis()).await?;
    let mut relay = Relay {
        outbox,
        shield: parts.shield.clone(),
        clock: parts.clock.clone(),
        tokens: parts.tokens.clone(),
        probe,
        holder: parts.tokens.token(),
        bound,
        margin,
        state: State::default(),
    };
    relay.attempt().await;
    let (alive, ended) = oneshot::channel();
    tokio::spawn(relay.run(ended));
    Ok(Some(alive))
}

/// What loads one kind of a model's entries.
fn loader<M: Model, D, S: Entries>(
    parts: &Parts<D>,
    tier: &Arc<Tier>,
    source: S,
) -> Arc<Loader<S>> {
    Arc::new(Loader {
        source,
        tier: tier.clone(),
        flights: Flights::new(),
        clock: parts.clock.clone(),
        tokens: parts.tokens.clone(),
        policy: M::DESCRIPTOR.policy,
        lease: parts.lease,
        in_flight: parts.ledger.in_flight.clone(),
    })
}

/// What a statement returned may not be what its table's triggers leave.
async fn triggers<D: Database>(database: &D, table: &str) -> Result<Option<Triggers>> {
    let sql = <D::Backend as Dialect>::triggers_of(table);
    let found = database.load(Load::<_, String>::rows(sql)).await?;
    Ok(match found.iter().any(|when| when == "deferred") {
        true => Some(Triggers::Deferred),
        false => found.first().map(|_| Triggers::Immediate),
    })
}

/// Versions are taken from a counter that outlives the rows.
async fn check_counter<M: Model, D: Database>(database: &D) -> Result<()> {
    let load = Load::<_, String>::rows(<D::Backend as Dialect>::CHECK_COUNTER);
    database.load(load).await.map(drop).map_err(|source| {
        Error::new(
            ErrorKind::Configuration,
            format!(
                "`{}` declares a version, but the database has no counter for versions; run, in a \
                 migration: {}",
                M::DESCRIPTOR.model,
                <D::Backend as Dialect>::CREATE_COUNTER
            ),
        )
        .with_source(source)
    })
}
