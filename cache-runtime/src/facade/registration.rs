//! How a model comes into a cache: with its type erased, so that one list holds all.

use std::any::{Any, TypeId};
use std::sync::Arc;

use diesel::query_builder::{QueryBuilder as _, QueryFragment as _};

use crate::engine::debt::Ledger;
use crate::engine::entry::Codecs;
use crate::engine::flight::Flights;
use crate::engine::invalidator::Invalidator;
use crate::engine::keeper::{Keeper, Triggers};
use crate::engine::loader::{LeasePolicy, Loader};
use crate::engine::shield::Shield;
use crate::engine::sources::{Lookups, Rows};
use crate::engine::switch::Switch;
use crate::engine::tier::Tier;
use crate::ports::BoxFuture;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Descriptor, Model, Statements};
use crate::ports::telemetry::Telemetry;
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
    pub(crate) switch: Switch,
}

/// A model put together: its kill switch and its `Keeper<M, D>`.
pub(crate) type Ready = (Switch, Arc<dyn Any + Send + Sync>);

/// A model in the list that [`models!`](crate::models) makes.
pub struct Registration<D: Database> {
    pub(crate) descriptor: Descriptor,
    pub(crate) id: TypeId,
    pub(crate) table: fn() -> Result<String>,
    pub(crate) put_together: PutTogether<D>,
}

/// Makes a [`Ready`], asking the database's catalogue about the table.
type PutTogether<D> = for<'a> fn(&'a Parts<D>) -> BoxFuture<'a, Result<Ready>>;

impl<D: Database> Registration<D> {
    /// Registers `M`.
    pub fn of<M: Statements<D::Backend>>() -> Self {
        Self {
            descriptor: M::DESCRIPTOR,
            id: TypeId::of::<M>(),
            table: table::<M, D>,
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

async fn put_together<M: Statements<D::Backend>, D: Database>(parts: &Parts<D>) -> Result<Ready> {
    let database = &parts.ledger.database;
    let name = table::<M, D>()?;
    let triggers = triggers(database, &name).await?;
    if M::DESCRIPTOR.version.is_some() {
        check_counter::<M, D>(database).await?;
    }
    let probe =
        || parts.telemetry.probe(<M as Model>::DESCRIPTOR.model, parts.shield.store().tier());
    let tier = Arc::new(Tier::new::<M>(
        parts.shield.clone(),
        parts.codecs.clone(),
        probe(),
        &parts.namespace,
        &name,
    ));
    let rows = Arc::new(Loader {
        source: Rows::<M, D>::new(database.clone()),
        tier: tier.clone(),
        flights: Flights::new(),
        clock: parts.clock.clone(),
        tokens: parts.tokens.clone(),
        policy: M::DESCRIPTOR.policy,
        lease: parts.lease,
        in_flight: parts.ledger.in_flight.clone(),
    });
    let lookups = Arc::new(Loader {
        source: Lookups::<M, D>::new(database.clone()),
        tier: tier.clone(),
        flights: Flights::new(),
        clock: parts.clock.clone(),
        tokens: parts.tokens.clone(),
        policy: M::DESCRIPTOR.policy,
        lease: parts.lease,
        in_flight: parts.ledger.in_flight.clone(),
    });
    let invalidator = Arc::new(Invalidator::new(
        parts.shield.clone(),
        parts.clock.clone(),
        probe(),
        parts.ledger.in_flight.clone(),
    ));
    let switch = parts.switch.child();
    let keeper = Keeper::<M, D> {
        database: database.clone(),
        tier,
        rows,
        lookups,
        invalidator,
        switch: switch.clone(),
        tokens: parts.tokens.clone(),
        triggers,
    };
    Ok((switch, Arc::new(keeper)))
}

/// What a statement returned may not be what its table's triggers leave.
async fn triggers<D: Database>(database: &D, table: &str) -> Result<Option<Triggers>> {
    let sql = <D::Backend as Dialect>::triggers_of(table);
    let found = database.load(Load::<_, String>::plain(sql)).await?;
    Ok(match found.iter().any(|when| when == "deferred") {
        true => Some(Triggers::Deferred),
        false => found.first().map(|_| Triggers::Immediate),
    })
}

/// Versions are taken from a counter that outlives the rows.
async fn check_counter<M: Model, D: Database>(database: &D) -> Result<()> {
    let load = Load::<_, String>::plain(<D::Backend as Dialect>::CHECK_COUNTER);
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
