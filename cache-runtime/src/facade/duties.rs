//! What the models of a cache come to as kinds of entries: what each kind's entries are named by, what
//! a writer owes them, and the tables whose writes concern it.

use std::any::TypeId;
use std::collections::{BTreeSet, HashMap};

use super::registration::Registration;
use crate::engine::view::{Kind, Places};
use crate::ports::contract::Contract;
use crate::ports::database::Database;
use crate::values::error::Result;
use crate::values::key::EntryKey;
use crate::values::policy::{Consistency, Pattern};

/// The kinds that a process knows, and the tables that it writes.
pub(super) struct Duties {
    pub(super) kinds: Vec<Kind>,
    /// Where each model's are among them.
    pub(super) places: HashMap<TypeId, Places>,
    pub(super) writes: Vec<String>,
}

impl Duties {
    pub(super) fn of<D: Database>(
        models: &[Registration<D>],
        namespace: &str,
        format: u32,
    ) -> Result<Self> {
        let mut duties = Self { kinds: Vec::new(), places: HashMap::new(), writes: Vec::new() };
        for model in models {
            duties.add(model, models, namespace, format)?;
        }
        Ok(duties)
    }

    fn add<D: Database>(
        &mut self,
        model: &Registration<D>,
        models: &[Registration<D>],
        namespace: &str,
        format: u32,
    ) -> Result<()> {
        let descriptor = &model.descriptor;
        let table = (model.table)()?;
        let contract = Contract::new(*descriptor, table.clone());
        let name = format!("{namespace}/{}", contract.entries());
        let all = format!("{name} {}", owed(&contract, format));
        let concerns = concerns(model, models)?;
        let mut kind = |what: String, more: &str, concerns: &BTreeSet<String>| {
            let place = u16::try_from(self.kinds.len()).unwrap_or(u16::MAX);
            let tables: Vec<String> = concerns.iter().cloned().collect();
            let text = format!("{what} {more}; {all}; concerns {}", tables.join(", "));
            self.kinds.push(Kind::new(format!("{name} {what}"), &text, tables));
            place
        };
        let rows = kind("rows".to_owned(), "", &concerns);
        let lookups = descriptor.lookups.iter();
        let lookups = lookups.map(|name| kind(format!("by {name}"), "", &concerns)).collect();
        let lists = descriptor.lists.iter().map(|list| {
            let page = format!("{:?} of {}", list.order, list.limit);
            kind(format!("list {}", list.name), &page, &concerns)
        });
        let lists = lists.collect();
        let members = (model.members)();
        let wholes = match members.is_empty() {
            true => None,
            false => {
                let (mut more, mut all) = (String::new(), concerns.clone());
                for member in members.iter().filter_map(|id| models.iter().find(|it| it.id == *id))
                {
                    more += &format!("with {} ", member.descriptor.model);
                    all.extend(self::concerns(member, models)?);
                }
                Some(kind("wholes".to_owned(), &more, &all))
            }
        };
        self.places.insert(model.id, Places { rows, wholes, lookups, lists });
        if !descriptor.read_only {
            self.writes.push(table);
        }
        Ok(())
    }
}

/// The tables whose writes change what the model's rows show.
fn concerns<D: Database>(
    model: &Registration<D>,
    models: &[Registration<D>],
) -> Result<BTreeSet<String>> {
    let mut tables = BTreeSet::from([(model.table)()?]);
    for dependency in (model.dependencies)() {
        if let Some(other) = models.iter().find(|other| other.id == dependency.on) {
            tables.insert((other.table)()?);
        }
    }
    Ok(tables)
}

/// What every kind of the model's entries is named by, and what each writer owes it.
fn owed(contract: &Contract, format: u32) -> String {
    let policy = contract.policy();
    let promise = match policy.promise() {
        Consistency::Eventual => "eventual".to_owned(),
        // Whoever leaves rows in the outbox does so for every bound.
        Consistency::Bounded(_) => format!("bounded in {} buckets", EntryKey::BUCKETS),
        Consistency::Fenced => "fenced".to_owned(),
        Consistency::Validated => "validated".to_owned(),
    };
    let era = if policy.bulk_limit().is_some() { ", eras" } else { "" };
    // Whoever reads such rows sees what is pending for them; others would fill what is older.
    let behind = if policy.pattern() == Pattern::WriteBehind { ", written behind" } else { "" };
    let version = contract.descriptor.version.unwrap_or("none");
    let key = contract.descriptor.key.join(", ");
    format!("key ({key}), version {version}, {promise}{era}{behind}, format {format}")
}
