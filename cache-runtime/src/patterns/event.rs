//! What a domain event does to a model's entries, whatever its pattern: they are removed. What the
//! row is now the database says, and nobody else.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::Value;

use super::write::touched_raw;
use crate::engine::keeper::Keeper;
use crate::engine::routes::{Concerned, Removals, Target};
use crate::ports::BoxFuture;
use crate::ports::aggregate::Role;
use crate::ports::database::Database;
use crate::ports::event_source::DomainEvent;
use crate::ports::load::Load;
use crate::ports::model::{BoxError, Concealed, Model, Statements};
use crate::ports::telemetry::Event;
use crate::values::error::Result;

/// Which rows an event is about; none of them if it is about the whole table.
pub(crate) type Keys<M> =
    Arc<dyn Fn(&DomainEvent) -> Result<Option<Vec<<M as Model>::Key>>, BoxError> + Send + Sync>;

/// A model, and how it understands one kind of event.
pub(crate) struct Taking<M: Model, D: Database> {
    pub(crate) keeper: Arc<Keeper<M, D>>,
    pub(crate) keys: Keys<M>,
}

impl<M: Statements<D::Backend>, D: Database> Target for Taking<M, D> {
    fn model(&self) -> &'static str {
        M::DESCRIPTOR.model
    }

    fn concerned(&self, event: &DomainEvent) -> Result<Concerned, BoxError> {
        Ok(match (self.keys)(event)? {
            Some(keys) => Concerned::Rows(Arc::new(keys)),
            None => Concerned::Table,
        })
    }

    fn removals<'a>(&'a self, concerned: &'a [Concerned]) -> BoxFuture<'a, Result<Removals>> {
        Box::pin(async move {
            let mut keys: HashSet<M::Key> = HashSet::new();
            for concerned in concerned {
                match concerned {
                    Concerned::Rows(some) => keys.extend(known::<M>(&**some)),
                    Concerned::Table => {
                        let touches = self.keeper.table_removals()?;
                        return Ok(Removals { touches, later: Vec::new() });
                    }
                }
            }
            self.rows(keys.into_iter().collect()).await
        })
    }

    fn check(&self) -> Result<()> {
        self.keeper.table_removals().map(drop)
    }

    fn event(&self, event: Event) {
        self.keeper.tier.event(event);
    }
}

impl<M: Statements<D::Backend>, D: Database> Taking<M, D> {
    /// Rows as they are now tell the lookups and lists that they have come to. What they have left
    /// is verified by whoever finds them there.
    async fn rows(&self, keys: Vec<M::Key>) -> Result<Removals> {
        let keeper = &self.keeper;
        let told = M::DESCRIPTOR.lookups.len() + M::DESCRIPTOR.lists.len() > 0;
        let rows = match told {
            true => keeper.database.load(Load::select(M::among(keys.clone()))).await?,
            false => Vec::new(),
        };
        let mut touches = touched_raw(keeper, &keys, rows);
        if !M::DESCRIPTOR.concealed.lookups.is_empty() {
            let load = Load::<_, Concealed<M>>::concealed(M::among(keys.clone()));
            touches.extend(keeper.concealed(keeper.database.load(load).await?));
        }
        // The root that a member has left is nowhere to be found.
        if matches!(M::DESCRIPTOR.role, Role::Member { .. })
            && let Some(root) = keeper.root.get()
        {
            touches.push(root.all()?);
        }
        Ok(Removals { touches, later: keeper.dependents.later(keys) })
    }
}

fn known<M: Model>(keys: &(dyn Any + Send + Sync)) -> Vec<M::Key> {
    keys.downcast_ref::<Vec<M::Key>>().cloned().unwrap_or_default()
}

/// The key that an event names, as the model's own.
pub(crate) fn named<M: Model>(event: &DomainEvent) -> Result<Option<Vec<M::Key>>, BoxError> {
    let Some(text) = &event.key else { return Ok(None) };
    let plain = || decoded::<M>(vec![Value::String(text.clone())]);
    let key = match serde_json::from_str(text) {
        Ok(Value::Array(columns)) => decoded::<M>(columns),
        Ok(column) => decoded::<M>(vec![column]).or_else(|error| plain().map_err(|_| error)),
        Err(_) => plain(),
    };
    Ok(Some(vec![key?]))
}

fn decoded<M: Model>(columns: Vec<Value>) -> Result<M::Key, BoxError> {
    if columns.len() != M::DESCRIPTOR.key.len() {
        return Err(format!(
            "its key has {} columns, and that of `{}` has {}",
            columns.len(),
            M::DESCRIPTOR.model,
            M::DESCRIPTOR.key.len()
        )
        .into());
    }
    let key = Value::Array(columns).deserialize_seq(KeyOf::<M>(PhantomData));
    key.map_err(|error| format!("its key is none of `{}`: {error}", M::DESCRIPTOR.model).into())
}

struct KeyOf<M>(PhantomData<M>);

impl<'de, M: Model> Visitor<'de> for KeyOf<M> {
    type Value = M::Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the columns of a key")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut columns: A) -> Result<M::Key, A::Error> {
        M::decode_key(&mut columns)
    }
}
