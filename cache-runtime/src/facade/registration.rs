//! How a model comes into a cache: with its type erased, so that one list holds all.

use std::any::{Any, TypeId};
use std::sync::Arc;

use diesel::query_builder::{QueryBuilder as _, QueryFragment as _};

use crate::engine::entry::Codecs;
use crate::engine::flight::Flights;
use crate::engine::invalidator::Invalidator;
use crate::engine::loader::{LeasePolicy, Loader};
use crate::engine::shield::Shield;
use crate::engine::sources::{Lookups, Rows};
use crate::engine::switch::Switch;
use crate::engine::tier::Tier;
use crate::patterns::cache_aside::CacheAside;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::database::Database;
use crate::ports::model::{Descriptor, Model, Statements};
use crate::ports::telemetry::Telemetry;
use crate::values::error::Result;

/// What all models of one cache share.
pub(crate) struct Parts<D> {
    pub(crate) database: D,
    pub(crate) namespace: String,
    pub(crate) shield: Arc<Shield>,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) lease: LeasePolicy,
    pub(crate) switch: Switch,
}

/// A model put together: its kill switch and its `CacheAside<M, D>`.
pub(crate) type Ready = (Switch, Arc<dyn Any + Send + Sync>);

/// A model in the list that [`models!`](crate::models) makes.
pub struct Registration<D: Database> {
    pub(crate) descriptor: Descriptor,
    pub(crate) id: TypeId,
    pub(crate) table: fn() -> Result<String>,
    pub(crate) put_together: fn(&Parts<D>) -> Result<Ready>,
}

impl<D: Database> Registration<D> {
    /// Registers `M`.
    pub fn of<M: Statements<D::Backend>>() -> Self {
        Self {
            descriptor: M::DESCRIPTOR,
            id: TypeId::of::<M>(),
            table: table::<M, D>,
            put_together: put_together::<M, D>,
        }
    }
}

/// The table's name in the database, with its schema, as Diesel writes it.
fn table<M: Statements<D::Backend>, D: Database>() -> Result<String> {
    let mut builder = <D::Backend as diesel::backend::Backend>::QueryBuilder::default();
    M::Table::default().to_sql(&mut builder, &D::Backend::default())?;
    Ok(builder.finish().replace(['"', '`'], ""))
}

fn put_together<M: Statements<D::Backend>, D: Database>(parts: &Parts<D>) -> Result<Ready> {
    let probe =
        || parts.telemetry.probe(<M as Model>::DESCRIPTOR.model, parts.shield.store().tier());
    let tier = Arc::new(Tier::new::<M>(
        parts.shield.clone(),
        parts.codecs.clone(),
        probe(),
        &parts.namespace,
        &table::<M, D>()?,
    ));
    let rows = Arc::new(Loader {
        source: Rows::<M, D>::new(parts.database.clone()),
        tier: tier.clone(),
        flights: Flights::new(),
        clock: parts.clock.clone(),
        tokens: parts.tokens.clone(),
        policy: M::DESCRIPTOR.policy,
        lease: parts.lease,
    });
    let lookups = Arc::new(Loader {
        source: Lookups::<M, D>::new(parts.database.clone()),
        tier: tier.clone(),
        flights: Flights::new(),
        clock: parts.clock.clone(),
        tokens: parts.tokens.clone(),
        policy: M::DESCRIPTOR.policy,
        lease: parts.lease,
    });
    let invalidator =
        Arc::new(Invalidator::new(parts.shield.clone(), parts.clock.clone(), probe()));
    let switch = parts.switch.child();
    let aside = CacheAside::<M, D> {
        database: parts.database.clone(),
        tier,
        rows,
        lookups,
        invalidator,
        switch: switch.clone(),
    };
    Ok((switch, Arc::new(aside)))
}
