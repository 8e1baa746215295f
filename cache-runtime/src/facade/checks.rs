//! What no single derive can see: rules over all models of a cache and its store.

use std::any::TypeId;
use std::collections::HashMap;

use super::registration::{Ready, Registration};
use crate::engine::dependents::Dependent;
use crate::ports::database::Database;
use crate::ports::dependency::Dependency;
use crate::ports::model::Descriptor;
use crate::ports::store::StoreFacts;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::policy::{Consistency, Pattern};

/// Whether there is somewhere to run.
pub(super) fn check_runtime() -> Result<()> {
    tokio::runtime::Handle::try_current().map(drop).map_err(|source| {
        configuration(
            "the cache runs on tokio, and there is no runtime here; build it within one, as under \
             `#[tokio::main]`, or use `build_blocking`, which brings its own",
        )
        .with_source(source)
    })
}

/// Rules over all models.
pub(super) fn check_models<D: Database>(models: &[Registration<D>]) -> Result<()> {
    check_tables(models)?;
    for model in models {
        check_dependencies(model, models)?;
    }
    Ok(())
}

/// A table is written through one model, and each other model of it depends on that one.
fn check_tables<D: Database>(models: &[Registration<D>]) -> Result<()> {
    let mut writers: HashMap<String, &Registration<D>> = HashMap::new();
    let mut seen = HashMap::new();
    for model in models {
        let (name, table) = (model.descriptor.model, (model.table)()?);
        if seen.insert(model.id, ()).is_some() {
            return Err(configuration(format!(
                "`{name}` is listed twice in `models![..]`; list it once"
            )));
        }
        if model.descriptor.read_only {
            continue;
        }
        if let Some(other) = writers.insert(table.clone(), model) {
            return Err(configuration(format!(
                "`{}` and `{name}` both write the table `{table}`: a write through one would not \
                 invalidate the other; make one of them `read_only, depends_on({}, via = ..)` with \
                 the key as `via`",
                other.descriptor.model, other.descriptor.model
            )));
        }
    }
    for model in models.iter().filter(|model| model.descriptor.read_only) {
        let table = (model.table)()?;
        let Some(writer) = writers.get(&table) else { continue };
        if !(model.dependencies)().iter().any(|on| on.on == writer.id) {
            return Err(configuration(format!(
                "`{name}` reads the table `{table}`, which `{writer}` writes; add \
                 `depends_on({writer}, via = ..)` to `{name}`, with its key as `via`, so that \
                 such a write invalidates it",
                name = model.descriptor.model,
                writer = writer.descriptor.model
            )));
        }
    }
    Ok(())
}

/// Each dependency is on a model of this cache, by which a write can find its way.
fn check_dependencies<D: Database>(
    model: &Registration<D>,
    models: &[Registration<D>],
) -> Result<()> {
    let name = model.descriptor.model;
    let dependencies = (model.dependencies)();
    for dependency in &dependencies {
        let on = dependency.name;
        let Some(other) = models.iter().find(|other| other.id == dependency.on) else {
            return Err(configuration(format!(
                "`{name}` depends on `{on}`, which is not in this cache; add it to `models![..]`"
            )));
        };
        if !(other.dependencies)().is_empty() {
            return Err(configuration(format!(
                "`{name}` depends on `{on}`, which depends on others itself; name those on \
                 `{name}`, each with the column that leads there"
            )));
        }
        if other.descriptor.policy.pattern() == Pattern::WriteBehind {
            return Err(configuration(format!(
                "`{name}` depends on `{on}`, which is written behind: what shows its rows would be \
                 older than its acknowledged writes; write `{on}` through instead"
            )));
        }
        let bulk = |descriptor: &Descriptor| descriptor.policy.bulk_limit().is_some();
        if bulk(&other.descriptor) && !bulk(&model.descriptor) {
            return Err(configuration(format!(
                "`{name}` depends on `{on}`, whose table can be invalidated as a whole; say \
                 `bulk = ..` on `{name}`, too"
            )));
        }
    }
    let has = |table: &TypeId| dependencies.iter().any(|dependency| dependency.table == *table);
    if !(model.joined)().iter().all(has) {
        return Err(configuration(format!(
            "a field of `{name}` is a column of a table that no `depends_on(..)` of it leads to"
        )));
    }
    Ok(())
}

/// Makes each model known to those that it depends on.
pub(super) fn link<D: Database>(models: &[Registration<D>], ready: &HashMap<TypeId, Ready<D>>) {
    let mut all: HashMap<TypeId, Vec<Dependent<D>>> = HashMap::new();
    for model in models {
        let Some(own) = ready.get(&model.id) else { continue };
        for dependency in (model.dependencies)() {
            let Dependency { on, rows, by_key, .. } = dependency;
            let dependent = Dependent { rows, by_key, entries: own.shown.clone() };
            all.entry(on).or_default().push(dependent);
        }
    }
    for (on, dependents) in all {
        if let Some(other) = ready.get(&on) {
            other.dependents.set(dependents);
        }
    }
}

/// Whether a store in this process keeps the model's promise only if no other process writes.
pub(super) fn needs_claim(model: &Descriptor) -> bool {
    let policy = model.policy;
    is_fenced(model) || policy.bound().is_some() || policy.pattern() == Pattern::WriteBehind
}

fn is_fenced(model: &Descriptor) -> bool {
    model.policy.promise() == Consistency::Fenced
}

/// A store that may forget fences cannot keep what `strict(fenced)` promises.
pub(super) fn check_fences<D: Database>(
    models: &[Registration<D>],
    facts: &StoreFacts,
) -> Result<()> {
    let risk = match (facts.evicts, facts.replicated) {
        (true, _) => "may evict keys (set `maxmemory-policy noeviction`, or no `maxmemory`)",
        (_, true) => "has replicas, and a failover to one forgets the latest fences",
        _ => return Ok(()),
    };
    match models.iter().find(|model| is_fenced(&model.descriptor)) {
        None => Ok(()),
        Some(model) => Err(configuration(format!(
            "`{}` is `strict(fenced)`, but the store {risk}; use such a store, or \
             `strict(validated)`, or accept the risk with `.accept_fence_loss()`",
            model.descriptor.model
        ))),
    }
}

fn configuration(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, context)
}
