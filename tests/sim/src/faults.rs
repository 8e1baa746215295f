//! What goes wrong, and how.

use std::time::Duration;

use bytes::Bytes;
use cache_runtime::ports::{Fill, Lease, Payload};
use cache_runtime::{Error, ErrorKind, Token};

use crate::database::{Link, broken, roll_back};
use crate::plan::Fault;
use crate::scheduler::Scheduler;
use crate::world::{Kind, Pending};

impl<C: Link> Scheduler<'_, C> {
    /// Makes something go wrong; false if what was drawn cannot.
    pub async fn fault(&mut self) -> bool {
        let fault = *self.rng.pick(&self.plan.faults);
        match fault {
            Fault::Refuse | Fault::Lose | Fault::Late => {
                let prey = self.plan.prey;
                let is_prey = |pending: &Pending| {
                    prey.map_or(pending.kind.is_store(), |prey| pending.kind == prey)
                };
                let Some(number) = self.target(is_prey) else { return false };
                self.world.state().history.store_fails();
                self.spoil(fault, number, ErrorKind::Store).await;
            }
            Fault::Away => {
                self.away = 1 + self.rng.below(8);
                let line = format!("the store is away for {} operations", self.away);
                self.world.state().note(line);
            }
            Fault::Flush => {
                (self.flush)().await;
                let mut state = self.world.state();
                state.fences.clear();
                state.history.suffers();
                state.note("the store forgets everything");
            }
            Fault::Evict => self.evict().await,
            Fault::Crash => return self.crash().await,
            Fault::Abort => return self.abort(),
            Fault::Statement => {
                let fails = |pending: &Pending| {
                    matches!(pending.kind, Kind::Load | Kind::Begin | Kind::Statement)
                };
                let Some(number) = self.target(fails) else { return false };
                self.spoil(Fault::Refuse, number, ErrorKind::Database).await;
            }
            Fault::Rows => {
                let Some(number) = self.target(|pending| pending.kind == Kind::Load) else {
                    return false;
                };
                self.spoil(Fault::Lose, number, ErrorKind::Database).await;
            }
            Fault::Source => {
                let Some(number) = self.target(|pending| pending.kind.is_source()) else {
                    return false;
                };
                let fault = if self.rng.percent(50) { Fault::Refuse } else { Fault::Lose };
                self.world.state().history.suffers();
                self.spoil(fault, number, ErrorKind::Database).await;
            }
            Fault::Trim => {
                if !self.stream.trim() {
                    return false;
                }
                self.world.state().note("the stream is trimmed");
            }
            Fault::CommitRefused | Fault::CommitLost | Fault::CommitGone | Fault::CommitLate => {
                let Some(number) = self.target(|pending| pending.kind == Kind::Commit) else {
                    return false;
                };
                self.commit(fault, number).await;
            }
        }
        true
    }

    async fn spoil(&mut self, fault: Fault, number: u64, kind: ErrorKind) {
        let mut pending = self.take(number);
        match fault {
            Fault::Lose => {
                let answer = pending.operation.run(false).await;
                self.note("answer lost -> ", &pending, &answer);
                pending.operation.fail(broken(kind));
            }
            Fault::Late => {
                self.note("does not answer", &pending, "");
                self.postpone(pending, broken(kind));
            }
            _ => {
                self.note("refused", &pending, "");
                pending.operation.fail(broken(kind));
            }
        }
    }

    /// Its caller hears of a failure now; what it asked for may still happen.
    fn postpone(&self, mut pending: Pending, error: Error) {
        pending.operation.fail(error);
        pending.late = true;
        self.world.state().pending.push(pending);
    }

    async fn commit(&mut self, fault: Fault, number: u64) {
        let mut pending = self.take(number);
        self.note(&format!("{fault:?}"), &pending, "");
        match fault {
            Fault::CommitLost => {
                pending.operation.run(false).await;
                pending.operation.fail(broken(ErrorKind::CommitUnknown));
            }
            Fault::CommitLate => self.postpone(pending, broken(ErrorKind::CommitUnknown)),
            _ => {
                roll_back(&mut self.links.lock().unwrap().writer).unwrap();
                self.world.state().close(pending.transaction.unwrap_or_default());
                pending.operation.fail(broken(match fault {
                    Fault::CommitGone => ErrorKind::CommitUnknown,
                    _ => ErrorKind::Database,
                }));
            }
        }
    }

    /// Puts a value in the place of one that is there, and lets it expire at once: a store has no
    /// way to ask for an eviction.
    async fn evict(&mut self) {
        let key = self.rng.pick(&self.keys).clone();
        let token = Token(u128::from(self.rng.next()));
        let expiry = Duration::from_secs(1);
        let lease = Lease { key: key.clone(), token, expiry, force: true, fingerprint: 0 };
        let _ = self.store.lease(&[lease]).await;
        let life = Duration::from_millis(1);
        let payload = Payload::Bytes(Bytes::new());
        let _ = self.store.fill(vec![Fill { key, token, payload, version: None, life }]).await;
        self.world.advance(self.world.time.now() + life);
        self.world.state().note("the store forgets an entry");
    }

    /// One process ends; never the last one, and no second one.
    async fn crash(&mut self) -> bool {
        if !self.world.state().crashed.is_empty() {
            return false;
        }
        let process = self.rng.below(self.plan.processes);
        // Most of what a crash can cost, it costs between a write and what follows from it.
        let owes = |pending: &Pending| {
            pending.process == process
                && matches!(
                    pending.kind,
                    Kind::Commit | Kind::Invalidate | Kind::Lift | Kind::Acknowledge
                )
        };
        if !self.world.state().pending.iter().any(owes) && self.rng.percent(80) {
            return false;
        }
        self.world.state().note(format_args!("p{process} crashes"));
        let open = self.world.state().open.filter(|open| open.process == process);
        if let Some(open) = open {
            let is_commit = |pending: &Pending| {
                pending.kind == Kind::Commit && pending.transaction == Some(open.number)
            };
            let commit = self.world.state().pending.iter().position(is_commit);
            match commit {
                Some(at) if self.rng.percent(60) => {
                    let mut pending = self.world.state().pending.remove(at);
                    pending.operation.run(false).await;
                    self.world.state().note("and its COMMIT is done");
                }
                _ => {
                    roll_back(&mut self.links.lock().unwrap().writer).unwrap();
                    self.world.state().close(open.number);
                }
            }
        }
        for client in self.clients.iter().filter(|client| client.process == process) {
            client.task.abort();
        }
        let mut state = self.world.state();
        state.history.suffers();
        state.crashed.push(process);
        let (lost, kept) = state.pending.drain(..).partition(|pending| pending.process == process);
        state.pending = kept;
        drop(state);
        // Only now: what it holds may look at the world on its way out.
        drop::<Vec<Pending>>(lost);
        true
    }

    /// A client gives up in the middle of what it does.
    fn abort(&mut self) -> bool {
        let running: Vec<usize> = (0..self.clients.len())
            .filter(|client| !self.clients[*client].task.is_finished())
            // The other program tells of what it does, whatever comes.
            .filter(|client| self.clients[*client].process < self.plan.processes)
            .collect();
        if running.is_empty() {
            return false;
        }
        let client = *self.rng.pick(&running);
        self.clients[client].task.abort();
        let process = self.clients[client].process;
        self.world.state().history.suffers();
        self.world.state().note(format_args!("client {client} of p{process} gives up"));
        true
    }
}
