//! The registration of this process: it registers, waits until the others have seen that, beats, and
//! registers anew if it was taken for dead. `docs/CONTRACT_SKEW.md` has the protocol.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::registry::{Registry, Snapshot};
use super::view::{Pin, View};
use crate::ports::clock::{Clock, Tokens};
use crate::ports::database::Database;
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// A registration, for as long as it lives. Gone, it says goodbye.
pub(crate) struct Registered {
    pub(crate) view: Arc<View>,
    end: Mutex<Option<oneshot::Sender<oneshot::Sender<()>>>>,
}

impl Registered {
    /// Says goodbye, for good: nothing is written any more.
    pub(crate) async fn end(&self) {
        let (said, goodbye) = oneshot::channel();
        if let Some(end) = self.end.lock().take() {
            let _ = end.send(said);
        }
        let _ = goodbye.await;
    }
}

/// Keeps this process registered.
pub(crate) struct Registrar<D> {
    registry: Registry<D>,
    view: Arc<View>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn Tokens>,
    state: State,
}

/// How far it is.
struct State {
    process: Token,
    /// The version by which all transactions that are open read and write, and what of that the
    /// others know.
    seen: u64,
    said: u64,
    /// What transactions hold that began under generations of before.
    old: Vec<Weak<Pin>>,
    /// When kinds could not be offered: at which version, and who was live.
    refused: Option<(u64, Vec<String>)>,
    /// Whether the last beat failed.
    failing: bool,
}

impl State {
    fn of(process: Token) -> Self {
        Self { process, seen: 0, said: 0, old: Vec::new(), refused: None, failing: false }
    }
}

impl<D: Database> Registrar<D> {
    /// Registers; answers when this process may write.
    pub(crate) async fn start(
        registry: Registry<D>,
        view: Arc<View>,
        clock: Arc<dyn Clock>,
        tokens: Arc<dyn Tokens>,
    ) -> Result<Registered> {
        registry.check().await?;
        let state = State::of(tokens.token());
        let mut registrar = Self { registry, view: view.clone(), clock, tokens, state };
        if let Err(error) = registrar.join().await {
            let _ = registrar.registry.leave(registrar.state.process).await;
            return Err(error);
        }
        let (end, ended) = oneshot::channel();
        tokio::spawn(registrar.run(ended));
        Ok(Registered { view, end: Mutex::new(Some(end)) })
    }

    async fn run(mut self, mut ended: oneshot::Receiver<oneshot::Sender<()>>) {
        let said = loop {
            tokio::select! {
                biased;
                said = &mut ended => break said,
                () = self.clock.sleep(self.pause()) => self.attempt().await,
            }
        };
        self.view.lose();
        if let Err(error) = self.registry.leave(self.state.process).await {
            tracing::warn!(%error, "this process stays registered until its lease is over");
        }
        drop(said);
    }

    fn pause(&self) -> Duration {
        self.registry.lease / 10
    }

    /// A beat; what fails is tried again in the next.
    async fn attempt(&mut self) {
        let outcome = self.beat().await;
        match &outcome {
            Err(error) if !self.state.failing => tracing::warn!(
                %error,
                "the registration cannot be renewed: reads go to the database when the view of \
                 the other processes is too old"
            ),
            Ok(_) if self.state.failing => tracing::info!("the registration is renewed again"),
            _ => {}
        }
        self.state.failing = outcome.is_err();
        if matches!(outcome, Ok(false)) {
            tracing::warn!("this process was taken for dead, and registers anew");
            self.view.lose();
            if let Err(error) = self.join().await {
                tracing::warn!(%error, "this process cannot register; it tries again");
            }
        }
    }

    /// Registers as a new process, and waits until all others have seen what that has withdrawn.
    async fn join(&mut self) -> Result<()> {
        loop {
            let process = self.tokens.token();
            self.state = State::of(process);
            let joined = self.registry.join(process, &self.view.kinds).await?;
            (self.state.seen, self.state.said) = (joined.version, joined.version);
            if self.wait(joined.wait_for).await? && self.beat().await? {
                return Ok(());
            }
        }
    }

    /// Whether all others have seen this version; no if this process was taken for dead meanwhile.
    async fn wait(&mut self, version: u64) -> Result<bool> {
        if !Guard::WaitForViews.stands() {
            return Ok(true);
        }
        let process = self.state.process;
        while !self.registry.is_seen(process, version).await? {
            // To others, who register too, it has seen all: it neither serves nor writes.
            let Some(snapshot) = self.registry.beat(process, self.state.seen).await? else {
                return Ok(false);
            };
            self.state.said = self.state.seen;
            self.state.seen = snapshot.version;
            if snapshot.processes.iter().any(|live| live.over) || !Guard::HeldRegistration.stands()
            {
                self.registry.reap(process).await?;
            }
            self.clock.sleep(self.pause() / 2).await;
        }
        Ok(true)
    }

    /// Beats until there is nothing more to say at once; false if the process was removed.
    async fn beat(&mut self) -> Result<bool> {
        loop {
            let begun = self.clock.now();
            let Some(snapshot) = self.registry.beat(self.state.process, self.state.seen).await?
            else {
                return Ok(false);
            };
            self.state.said = self.state.seen;
            self.adopt(&snapshot, begun);
            let mut again = self.state.seen > self.state.said;
            if snapshot.processes.iter().any(|live| live.over) {
                again |= self.registry.reap(self.state.process).await?;
            }
            if self.could_offer(&snapshot) {
                let offered = self.registry.offer(&self.view.kinds).await?;
                let live = snapshot.processes.into_iter().map(|live| live.id).collect();
                self.state.refused = Some((snapshot.version, live)).filter(|_| !offered);
                again |= offered;
            }
            if !again {
                return Ok(true);
            }
        }
    }

    /// Reads and writes by this from now on.
    fn adopt(&mut self, snapshot: &Snapshot, begun: Moment) {
        let offer = |id| snapshot.kinds.iter().find(|offer| offer.id == id);
        let own = || self.view.kinds.iter().map(|kind| offer(kind.id));
        let generations: Vec<u64> =
            own().map(|offer| offer.map_or(0, |offer| offer.generation)).collect();
        let old = self.view.current();
        if old.is_none() || !self.view.writes_by(&generations) {
            self.view.write_by(self.state.process, &generations);
            self.state.old.extend(old.as_ref().map(Arc::downgrade));
        }
        drop(old);
        // A transaction that began under other generations may still commit, and remove entries
        // under those alone.
        self.state.old.retain(|old| old.strong_count() > 0);
        if self.state.old.is_empty() || !Guard::SettledView.stands() {
            self.state.seen = snapshot.version;
        }
        let all_write_by = |since: u64| {
            !Guard::SeenGeneration.stands()
                || snapshot.processes.iter().all(|live| live.seen >= since)
        };
        let served: Vec<bool> = own()
            .map(|offer| {
                offer.is_some_and(|offer| offer.withdrawn == 0 && all_write_by(offer.since))
            })
            .collect();
        // Less than the lease, which began later and by another clock.
        self.view.serve(&served, begun + self.registry.lease * 6 / 10);
    }

    /// Whether a kind may be offered that was not yet refused to the same processes.
    fn could_offer(&self, snapshot: &Snapshot) -> bool {
        let known = |id| self.view.kinds.iter().any(|kind| kind.id == id);
        let seen = |version: u64| snapshot.processes.iter().all(|live| live.seen >= version);
        let waits = snapshot
            .kinds
            .iter()
            .any(|offer| offer.withdrawn > 0 && known(offer.id) && seen(offer.withdrawn));
        let refused = self.state.refused.as_ref().is_some_and(|(version, live)| {
            *version == snapshot.version
                && live.iter().eq(snapshot.processes.iter().map(|live| &live.id))
        });
        waits && !refused
    }
}
