//! What a model has declared, put together as something to read, to compare and to log.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::aggregate::Role;
use super::model::Descriptor;
use crate::values::policy::{Consistency, OnWrite, Pattern, Policy};

/// The caching contract of one model: what its readers may rely on, and what its writes do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Contract {
    /// Name, columns, lookups, lists and the declared policy.
    pub descriptor: Descriptor,
    /// The table, with its schema.
    pub table: String,
    /// The models of this cache whose entries a write of this one removes, too.
    pub dependents: Vec<&'static str>,
    /// The domain events that end the life of its entries, each with its source.
    pub events: Vec<String>,
}

impl Contract {
    pub(crate) fn new(descriptor: Descriptor, table: String) -> Self {
        Self { descriptor, table, dependents: Vec::new(), events: Vec::new() }
    }

    /// The declared policy.
    pub fn policy(&self) -> Policy {
        self.descriptor.policy
    }

    /// Pattern, consistency and the lives of entries, on one line.
    pub fn promise(&self) -> String {
        let policy = self.policy();
        let mut text = format!(
            "{}, {}, ttl {}",
            pattern(policy.pattern()),
            consistency(policy.promise()),
            time(policy.ttl())
        );
        if policy.jitter() > 0 {
            text += &format!(" less up to {}%", policy.jitter());
        }
        text += &match policy.absence_ttl() {
            Some(ttl) => format!(", absence {}", time(ttl)),
            None => ", absence not kept".to_owned(),
        };
        text
    }

    /// What a write does to entries once it has committed, on one line.
    pub fn on_write(&self) -> String {
        if self.descriptor.read_only {
            return "none here; the models that it depends on remove its rows".to_owned();
        }
        let row = match (self.policy().pattern(), self.policy().after_write()) {
            (Pattern::WriteThrough, _) => "puts the row",
            (Pattern::WriteBehind, _) => {
                "puts the row once it is in the outbox; a delta removes it"
            }
            (_, OnWrite::Refresh) => "removes the row and loads it again",
            (_, OnWrite::Invalidate) => "removes the row",
        };
        let mut text = row.to_owned();
        let lists: Vec<&str> = self.descriptor.lists.iter().map(|list| list.name).collect();
        for (what, names) in [
            ("lookups", self.descriptor.lookups),
            ("lists", &lists[..]),
            ("rows of", &self.dependents[..]),
        ] {
            if !names.is_empty() {
                text += &format!("; {what} {}", names.join(", "));
            }
        }
        text += &match self.descriptor.role {
            Role::Alone => String::new(),
            Role::Root { .. } => "; its aggregate".to_owned(),
            Role::Member { root, .. } => format!("; the aggregate of {root}"),
        };
        if let Some(rows) = self.policy().bulk_limit() {
            text += &format!("; past {rows} rows the whole table");
        }
        text
    }

    /// What all services that share these entries must agree on, a line each.
    pub(crate) fn shared(&self) -> String {
        format!("reads {}\nkeys {}", self.promise(), self.key_scheme())
    }

    /// Whose entries they are: the table's, or those of one of the models that only read it.
    pub(crate) fn entries(&self) -> String {
        match self.descriptor.read_only {
            false => self.table.clone(),
            true => format!("{}#{}", self.table, self.descriptor.model),
        }
    }

    /// What the entries are named by, on one line. Two services that name one row's entry
    /// differently never invalidate each other's.
    pub fn key_scheme(&self) -> String {
        let table = self.entries();
        // Such values begin with an era, which who has none would not read.
        let era = match self.policy().bulk_limit().is_some() || self.policy().bound().is_some() {
            true => ", under an era",
            false => "",
        };
        format!("{table} by {}{era}", self.descriptor.key.join(", "))
    }
}

/// One fact a line: made to be compared with what a test or a review expects.
impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.descriptor.model)?;
        writeln!(f, "  reads        {}", self.promise())?;
        writeln!(f, "  a write      {}", self.on_write())?;
        if !self.events.is_empty() {
            writeln!(f, "  an event     removes the row: {}", self.events.join(", "))?;
        }
        writeln!(f, "  keys         {}", self.key_scheme())?;
        match self.descriptor.role {
            Role::Alone => {}
            Role::Root { owner, members } => {
                writeln!(f, "  aggregate    root of {}, owned by {owner}", members.join(", "))?;
            }
            Role::Member { root, owner } => {
                writeln!(f, "  aggregate    member of {root}, owned by {owner}")?;
            }
        }
        if let Some(version) = self.descriptor.version {
            writeln!(f, "  version      {version}")?;
        }
        writeln!(f, "  fingerprint  {:016x}", self.descriptor.fingerprint)
    }
}

/// The contracts of a cache's models, sorted by their names.
#[derive(Debug, Clone)]
pub struct Contracts(pub(crate) Vec<Arc<Contract>>);

impl Deref for Contracts {
    type Target = [Arc<Contract>];

    fn deref(&self) -> &[Arc<Contract>] {
        &self.0
    }
}

impl fmt::Display for Contracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|contract| contract.fmt(f))
    }
}

fn pattern(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::CacheAside => "cache_aside",
        Pattern::WriteThrough => "write_through",
        Pattern::WriteBehind => "write_behind",
    }
}

fn consistency(consistency: Consistency) -> String {
    match consistency {
        Consistency::Eventual => "eventual".to_owned(),
        Consistency::Bounded(bound) => format!("bounded({})", time(bound)),
        Consistency::Fenced => "strict(fenced)".to_owned(),
        Consistency::Validated => "strict(validated)".to_owned(),
    }
}

/// As the attribute has it: the largest unit that leaves nothing over.
fn time(time: Duration) -> String {
    let millis = time.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis > 0 && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}
