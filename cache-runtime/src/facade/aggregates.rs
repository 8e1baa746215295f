//! What no single derive can see of aggregates: which of their models a cache has, and how their
//! tables are written.

use std::any::TypeId;
use std::collections::HashMap;

use super::registration::{Ready, Registration};
use crate::ports::aggregate::Role;
use crate::ports::database::Database;
use crate::values::error::{Error, ErrorKind, Result};

/// Each aggregate is in the cache with all of its models, and can be invalidated as its members
/// are.
pub(super) fn check<D: Database>(models: &[Registration<D>]) -> Result<()> {
    let has = |id: TypeId| models.iter().find(|model| model.id == id);
    for model in models {
        match model.descriptor.role {
            Role::Alone => {}
            Role::Root { members, .. } => {
                let ids = (model.members)();
                let mut members = members.iter().zip(ids);
                if let Some((member, _)) = members.find(|(_, id)| has(*id).is_none()) {
                    return Err(missing(member, "a member", model.descriptor.model));
                }
            }
            Role::Member { root: name, .. } => {
                let Some(root) = (model.root)().and_then(has) else {
                    return Err(missing(name, "the root", model.descriptor.model));
                };
                check_bulk(model, root)?;
            }
        }
    }
    Ok(())
}

/// A write of a member's table as a whole names no root.
fn check_bulk<D: Database>(member: &Registration<D>, root: &Registration<D>) -> Result<()> {
    let bulk = |model: &Registration<D>| model.descriptor.policy.bulk_limit().is_some();
    if !bulk(member) || bulk(root) {
        return Ok(());
    }
    let (member, root) = (member.descriptor.model, root.descriptor.model);
    Err(configuration(format!(
        "`{member}` is a member of `{root}`, and its table can be invalidated as a whole; say \
         `bulk = ..` on `{root}`, too"
    )))
}

/// Shows each member where the wholes are that its rows are parts of.
pub(super) fn link<D: Database>(models: &[Registration<D>], ready: &HashMap<TypeId, Ready<D>>) {
    for model in models {
        let root = (model.root)().and_then(|root| ready.get(&root));
        if let (Some(root), Some(member)) = (root, ready.get(&model.id)) {
            let _ = member.root.set(root.whole.clone());
        }
    }
}

fn missing(what: &str, role: &str, of: &str) -> Error {
    configuration(format!(
        "`{what}` is {role} of the aggregate of `{of}`, and is not in this cache, so that a write \
         of one would not invalidate the other; add it to `models![..]`"
    ))
}

fn configuration(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, context)
}
