//! Services that share entries and do not agree on their policy.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::cache::Cache;
use crate::engine::shield::Shield;
use crate::ports::clock::Clock;
use crate::ports::contract::{Contract, Contracts};
use crate::ports::database::Database;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::{EntryKey, KeyWriter};

/// How long a service is remembered that says nothing more. It says it again three times as often.
const LIFE: Duration = Duration::from_secs(3600);

/// What to do where another service on the same store has declared another ttl, consistency or
/// key scheme for a table. For [`Builder::on_drift`](crate::Builder::on_drift).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Drift {
    /// Log it, once at start and then from time to time, and go on.
    #[default]
    Warn,
    /// Do not start.
    Refuse,
}

/// What this service declares, and to whom.
pub(super) struct Declarations {
    pub(super) shield: Arc<Shield>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) namespace: String,
    pub(super) service: String,
    pub(super) contracts: Contracts,
}

/// What the store had to tell.
struct Seen {
    /// What differs, a sentence each.
    drifts: Vec<String>,
    /// Whether it keeps what is declared.
    shared: bool,
}

impl Seen {
    fn none(&self) -> Result<()> {
        if self.drifts.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "another service shares entries with this one and has declared another policy \
                 for them; make both the same, or start with `on_drift(Drift::Warn)`: {}",
                self.drifts.join(" | ")
            ),
        ))
    }

    fn warn(&self) {
        self.drifts.iter().for_each(|drift| tracing::warn!("policy drift: {drift}"));
    }
}

/// The task that declares again, which ends with its cache.
pub(super) struct Declared {
    drifts: Vec<String>,
    task: Option<JoinHandle<()>>,
}

impl Drop for Declared {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}

impl Declarations {
    /// Compares with what others have declared, and then declares.
    pub(super) async fn begin(self, on_drift: Drift) -> Result<Declared> {
        let refuses = on_drift == Drift::Refuse;
        if refuses {
            self.compare(false).await?.none()?;
        }
        let seen = match self.compare(true).await {
            Ok(seen) => seen,
            Err(error) if refuses => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the policies of other services are not known");
                Seen { drifts: Vec::new(), shared: true }
            }
        };
        // Another one may have started at the same time.
        if refuses && let Err(error) = seen.none() {
            self.take_back().await;
            return Err(error);
        }
        seen.warn();
        let Seen { drifts, shared } = seen;
        let task = shared.then(|| tokio::spawn(self.go_on()));
        Ok(Declared { drifts, task })
    }

    /// Declares again and again, and looks who else has.
    async fn go_on(self) {
        loop {
            self.clock.sleep(LIFE / 3).await;
            match self.compare(true).await {
                Ok(seen) => seen.warn(),
                Err(error) => tracing::debug!(%error, "the policy is declared again later"),
            }
        }
    }

    async fn compare(&self, declares: bool) -> Result<Seen> {
        let (mut drifts, mut shared) = (Vec::new(), false);
        for contract in self.contracts.iter() {
            let (table, own) = (self.name(contract), contract.shared());
            // Without text nothing is declared, and of nobody nothing is taken back.
            let (service, text) = if declares { (&self.service[..], &own[..]) } else { ("", "") };
            let call = self.shield.call(|store| store.declare(&table, service, text, LIFE));
            for (other, theirs) in call.await? {
                shared = true;
                // While a deploy of one service rolls, its own builds may differ.
                if other != self.service {
                    drifts.extend(difference(contract, &self.service, &other, &theirs));
                }
            }
        }
        Ok(Seen { drifts, shared })
    }

    async fn take_back(&self) {
        for contract in self.contracts.iter() {
            let table = self.name(contract);
            let call = self.shield.call(|store| store.declare(&table, &self.service, "", LIFE));
            let _ = call.await;
        }
    }

    fn name(&self, contract: &Contract) -> EntryKey {
        let mut name = KeyWriter::default();
        name.text(&self.namespace);
        name.text(&contract.entries());
        EntryKey::from_writer(name)
    }
}

/// What the two have declared differently, if anything.
fn difference(contract: &Contract, own: &str, other: &str, theirs: &str) -> Option<String> {
    let ours = contract.shared();
    let differing: Vec<String> = ours
        .lines()
        .zip(theirs.lines())
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(ours, theirs)| format!("`{own}` {ours}; `{other}` {theirs}"))
        .collect();
    let model = contract.descriptor.model;
    (!differing.is_empty()).then(|| format!("{model}: {}", differing.join("; ")))
}

/// The name of the program.
pub(super) fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_stem()).map(|it| it.to_string_lossy());
    name.map_or_else(|| "unnamed".to_owned(), std::borrow::Cow::into_owned)
}

impl<D: Database> Cache<D> {
    /// What other services on the store had declared differently when this cache was built, a
    /// sentence each.
    pub fn drifts(&self) -> &[String] {
        &self.declared().drifts
    }
}
