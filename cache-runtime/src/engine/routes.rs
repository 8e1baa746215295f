//! Which models' entries a domain event concerns.

use std::any::Any;
use std::sync::Arc;

use super::debt::Touch;
use super::dependents::Later;
use crate::ports::BoxFuture;
use crate::ports::event_source::DomainEvent;
use crate::ports::model::BoxError;
use crate::ports::telemetry::Event;
use crate::values::error::Result;

/// What an event is about.
pub(crate) enum Concerned {
    /// Rows, by a `Vec` of the model's keys.
    Rows(Arc<dyn Any + Send + Sync>),
    /// Whatever is in the table.
    Table,
}

/// What is to be removed.
#[derive(Default)]
pub(crate) struct Removals {
    pub(crate) touches: Vec<Touch>,
    pub(crate) later: Vec<Later>,
}

/// A model that takes events, its type erased.
pub(crate) trait Target: Send + Sync {
    fn model(&self) -> &'static str;

    /// What the event is about.
    fn concerned(&self, event: &DomainEvent) -> Result<Concerned, BoxError>;

    /// The entries that these are in, by what the database says of them now.
    fn removals<'a>(&'a self, concerned: &'a [Concerned]) -> BoxFuture<'a, Result<Removals>>;

    /// Fails where the table cannot be made void as a whole.
    fn check(&self) -> Result<()>;

    fn event(&self, event: Event);
}

/// A kind of event, and one model that takes it.
pub(crate) struct Route {
    pub(crate) kind: String,
    pub(crate) target: Arc<dyn Target>,
}

/// All routes from one source.
pub(crate) struct Routes(pub(crate) Vec<Route>);

impl Routes {
    /// Who takes events of this kind.
    pub(crate) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<dyn Target>> {
        self.0.iter().filter(move |route| route.kind == kind).map(|route| &route.target)
    }

    /// Everybody, each model once.
    pub(crate) fn all(&self) -> Vec<&Arc<dyn Target>> {
        let mut all: Vec<&Arc<dyn Target>> = Vec::new();
        for Route { target, .. } in &self.0 {
            if all.iter().all(|known| known.model() != target.model()) {
                all.push(target);
            }
        }
        all
    }
}
