//! A client of one process: it does its acts one after the other, and writes down what it was
//! told.

use std::future::ready;
use std::sync::Arc;

use cache_runtime::ports::BoxFuture;
use cache_runtime::{Error, ErrorKind, Result};

use crate::accounts::{Accounts, Log};
use crate::history::{Answer, Deed, Point, Read, Register, Row, Value, Write};
use crate::mode::Mode;
use crate::plan::Act;
use crate::world::{Asked, CLIENT, Kind, World};

pub struct Client {
    pub world: Arc<World>,
    pub process: usize,
    pub mode: Mode,
    pub accounts: Arc<dyn Accounts>,
}

/// Counts a client as busy for as long as it stands, also if the client is dropped.
pub struct Busy(Arc<World>);

impl Busy {
    pub fn new(world: &Arc<World>) -> Self {
        let mut state = world.state();
        state.busy += 1;
        state.overlapped |= state.busy > 1;
        drop(state);
        Self(world.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

impl Client {
    pub async fn run(self, acts: Vec<Act>) {
        for act in acts {
            self.turn(format!("{act:?}")).await;
            if let Act::Pause(duration) = act {
                self.world.sleep(self.process, duration).await;
                continue;
            }
            let busy = Busy::new(&self.world);
            self.act(act).await;
            drop(busy);
        }
    }

    /// Waits until the scheduler lets this client go on.
    async fn turn(&self, label: String) {
        let asked = Asked { process: self.process, kind: Kind::Turn, label, transaction: None };
        let _ = self.world.ask(asked, |()| String::new(), || Box::pin(ready(Ok(())))).await;
    }

    pub fn point(&self) -> Point {
        self.world.state().history.point(self.world.time.now())
    }

    async fn act(&self, act: Act) {
        let accounts = &self.accounts;
        match act {
            Act::Find(id) => self.read(Register::Key(id), accounts.find(id)).await,
            Act::Uncached(id) => self.read(Register::Key(id), accounts.find_uncached(id)).await,
            Act::Refresh(id) => self.read(Register::Key(id), accounts.refresh(id)).await,
            Act::FindBy(email) => self.find_by(email).await,
            Act::FindMany(ids) => {
                let began = self.point();
                let found = accounts.find_many(ids.clone()).await;
                if let Some(rows) = self.found(found) {
                    for (id, row) in ids.into_iter().zip(rows) {
                        self.has_read(Register::Key(id), Value::Row(row), began, None);
                    }
                }
            }
            Act::Invalidate(id) => accounts.invalidate(id).await,
            Act::Insert(id, email, balance) => {
                let row = Row { id, email: email.to_owned(), balance };
                let told = accounts.insert(row).await.map(drop);
                self.has_written(vec![Deed::set(Register::Key(id), balance)], told);
            }
            Act::Update(id, email, balance) => {
                let told = accounts.update(id, email, balance).await;
                let found = match &told {
                    Ok(found) => found.is_some(),
                    // Committed, but nobody says whether there was such a row.
                    Err(error) if error.kind() == ErrorKind::Unreleased => {
                        self.holds(&Register::Key(id), balance)
                    }
                    Err(_) => true,
                };
                let deed = found.then_some(Deed::set(Register::Key(id), balance));
                self.has_written(deed.into_iter().collect(), told.map(drop));
            }
            Act::UpdateAll(balance) => {
                let told = accounts.update_all(balance).await;
                let mut ids: Vec<i64> = match &told {
                    Ok(rows) => rows.iter().map(|row| row.id).collect(),
                    // Done, but nobody says to which rows.
                    Err(error) if error.kind() == ErrorKind::Unreleased => Vec::new(),
                    Err(_) => vec![1, 2],
                };
                // The database returns them in an order of its own.
                ids.sort_unstable();
                let deeds = ids.into_iter().map(|id| Deed::set(Register::Key(id), balance));
                self.has_written(deeds.collect(), told.map(drop));
            }
            Act::Upsert(id, email, balance) => {
                let row = Row { id, email: email.to_owned(), balance };
                let told = accounts.upsert(row).await.map(drop);
                self.has_written(vec![Deed::set(Register::Key(id), balance)], told);
            }
            Act::Delete(id) => {
                let told = accounts.delete(id).await;
                let gone = told.as_ref().ok().cloned().flatten();
                let of = Register::Key(id);
                let deeds = gone.map(|row| Deed::Gone { of, number: row.balance });
                self.has_written(deeds.into_iter().collect(), told.map(drop));
            }
            Act::Save(id, balance) => self.save(id, balance).await,
            Act::Transaction(steps, keep) => {
                let mut log = Log::default();
                let told = accounts.transaction(steps, keep, &mut log).await;
                for (of, read, written) in log.own {
                    if read != written {
                        self.fault(format!(
                            "a transaction that left {written:?} at {of} then read {read:?} there"
                        ));
                    }
                }
                self.has_written(log.deeds, told);
            }
            Act::Item(act) => self.item(act).await,
            Act::Pause(_) => {}
        }
    }

    /// Whether a commit gave this row this number.
    pub fn holds(&self, of: &Register, number: i64) -> bool {
        let commits = &self.world.state().history.commits;
        commits.iter().any(|commit| of.of(&commit.tables).number() == Some(number))
    }

    pub async fn read(&self, register: Register, read: BoxFuture<'_, Result<Option<Row>>>) {
        let began = self.point();
        let found = read.await;
        if let Some(row) = self.found(found) {
            self.has_read(register, Value::Row(row), began, None);
        }
    }

    pub async fn find_by(&self, email: &'static str) {
        let began = self.point();
        let found = self.accounts.find_by_email(email).await;
        let Some(row) = self.found(found) else { return };
        if let Some(row) = &row {
            if row.email != email {
                self.fault(format!("a search for {email} found {row:?}"));
            }
            let found = Value::Row(Some(row.clone()));
            self.has_read(Register::Key(row.id), found, began, None);
        }
        self.has_read(Register::Email(email.to_owned()), Value::Row(row), began, None);
    }

    async fn save(&self, id: i64, balance: i64) {
        let between = Box::pin(self.turn("between".into()));
        match self.accounts.save(id, balance, between).await {
            Ok(None) => {}
            Ok(based) => {
                let of = Register::Key(id);
                self.has_written(vec![Deed::Set { of, number: balance, based }], Ok(()));
            }
            // Also where the read before it failed: then nothing was written either.
            Err(error) => {
                self.has_written(vec![Deed::set(Register::Key(id), balance)], Err(error));
            }
        }
    }

    /// What a read gave, unless the database failed it.
    pub fn found<T>(&self, found: Result<T>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::Database | ErrorKind::Pool) {
                    self.fault(format!("a read failed: {error:?}"));
                }
                self.note(format_args!("read: {:?}", error.kind()));
                None
            }
        }
    }

    /// Gives the number of the read.
    pub fn has_read(
        &self,
        register: Register,
        value: Value,
        began: Point,
        root: Option<usize>,
    ) -> usize {
        self.note(format_args!("read {register} = {}", value.held().show()));
        let (process, ended) = (self.process, self.point());
        let read = Read { process, register, value, root, began, ended };
        let reads = &mut self.world.state().history.reads;
        reads.push(read);
        reads.len() - 1
    }

    pub fn has_written(&self, deeds: Vec<Deed>, told: Result<()>) {
        let told = self.told(told);
        self.note(format_args!("write {deeds:?}: {told:?}"));
        let (process, ended) = (self.process, self.point());
        self.world.state().history.writes.push(Write { process, deeds, told, ended });
    }

    fn told(&self, result: Result<()>) -> Answer {
        let Err(error) = result else { return Answer::Done };
        let fenced = self.mode.is_fenced();
        match error.kind() {
            ErrorKind::CommitUnknown => Answer::Unknown,
            ErrorKind::Unreleased if fenced => Answer::Done,
            ErrorKind::Store if fenced => Answer::Refused,
            ErrorKind::Store | ErrorKind::Unreleased => self.wrong(error),
            _ => Answer::Refused,
        }
    }

    fn wrong(&self, error: Error) -> Answer {
        self.fault(format!("a write that does not need the store failed by it: {error:?}"));
        Answer::Unknown
    }

    pub fn fault(&self, fault: String) {
        self.world.state().history.faults.push(fault);
    }

    fn note(&self, line: std::fmt::Arguments<'_>) {
        let client = CLIENT.try_with(|client| *client).unwrap_or_default();
        let line = format!("    p{} client {client}: {line}", self.process);
        self.world.state().note_of_client(line);
    }
}
