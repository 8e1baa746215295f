//! A transaction and what it owes the cache.
//!
//! Statements come first, so that every entry that they touch is known and their rows are
//! locked. Then fences go up around those entries, the transaction commits, and the fences are
//! lifted: with the row that the write left, or without. The order is what makes each mode's
//! promise; `docs/ARCHITECTURE.md` tells why.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::behind::joining::{self, Joined};
use super::debt::{Debt, Ledger, Touch};
use super::dependents::Later;
use super::in_flight::Ticket;
use super::outbox;
use super::view::{Pin, unregistered};
use crate::ports::condition::Condition;
use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::load::Load;
use crate::ports::model::{FromRow, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;

/// A write of one model: what to look at first, and the statement.
pub(crate) struct Write<DB: Dialect, M> {
    /// Rows to lock and read before the change.
    pub(crate) before: Option<Condition<DB>>,
    /// The version that the locked row must have.
    pub(crate) expected: Option<i64>,
    /// The change; it returns the rows that it wrote.
    pub(crate) change: Load<DB, M>,
    /// Whether what the change returns may differ from the rows as they end up.
    pub(crate) reread: bool,
}

/// What a write saw and left.
pub(crate) struct Written<M> {
    pub(crate) before: Vec<M>,
    pub(crate) after: Vec<M>,
}

/// How a session was when a savepoint began.
pub(crate) struct Mark {
    touches: usize,
    later: usize,
    joined: usize,
    failed: bool,
}

/// The number of the next session of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A transaction under way.
pub(crate) struct Session<D: Database> {
    ledger: Arc<Ledger<D>>,
    /// Tells this session's locks from those of others.
    number: u64,
    transaction: D::Transaction,
    touches: Vec<Touch>,
    /// What is done once it has committed, after all else.
    later: Vec<Later>,
    /// What is enqueued when all statements are done.
    joined: Vec<Joined<D>>,
    /// The application has run statements of its own, which may have failed unseen.
    raw: bool,
    /// A statement failed, so that there is nothing to commit.
    failed: bool,
    /// Whether anything was written.
    writes: bool,
    /// What it began under, where contracts are registered.
    pin: Option<Arc<Pin>>,
    /// The same, of those who have named entries for it before.
    earlier: Vec<Arc<Pin>>,
    /// Held until the last consequence.
    ticket: Ticket,
}

impl<D: Database> Session<D> {
    pub(crate) async fn begin(ledger: &Arc<Ledger<D>>) -> Result<Self> {
        Self::begin_with(ledger, ledger.in_flight.ticket()).await
    }

    /// The same, under a ticket that was taken before.
    pub(crate) async fn begin_with(ledger: &Arc<Ledger<D>>, ticket: Ticket) -> Result<Self> {
        let pin = ledger.pin()?;
        let transaction = ledger.database.begin().await?;
        let (ledger, number) = (ledger.clone(), NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(Self {
            ledger,
            number,
            transaction,
            touches: Vec::new(),
            later: Vec::new(),
            joined: Vec::new(),
            raw: false,
            failed: false,
            writes: false,
            pin,
            earlier: Vec::new(),
            ticket,
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The transaction itself, for statements whose touches the caller adds.
    pub(crate) fn transaction(&mut self) -> Result<&mut D::Transaction> {
        self.usable()?;
        (self.raw, self.writes) = (true, true);
        Ok(&mut self.transaction)
    }

    pub(crate) fn touch(&mut self, touches: impl IntoIterator<Item = Touch>) {
        self.writes = true;
        self.touches.extend(touches);
    }

    /// Holds what entries were named under before it began.
    pub(crate) fn hold(&mut self, pin: Option<Arc<Pin>>) {
        self.earlier.extend(pin);
    }

    pub(crate) fn later(&mut self, later: Later) {
        self.later.push(later);
    }

    /// Enqueues a write when all statements are done.
    pub(crate) fn join(&mut self, joined: Joined<D>) {
        self.joined.push(joined);
    }

    /// A statement of the application has failed.
    pub(crate) fn fail(&mut self) {
        self.failed = true;
    }

    /// Reads within the transaction.
    pub(crate) async fn load<U: FromRow<D::Backend>>(
        &mut self,
        load: Load<D::Backend, U>,
    ) -> Result<Vec<U>> {
        self.usable()?;
        let rows = self.transaction.load(load).await;
        self.failed |= rows.is_err();
        rows
    }

    /// Runs the statements of a write. The caller adds what it touched.
    pub(crate) async fn write<M: Statements<D::Backend>>(
        &mut self,
        write: Write<D::Backend, M>,
    ) -> Result<Written<M>> {
        self.usable()?;
        self.writes = true;
        let written = self.run(write).await;
        // These are found before anything is written: the caller may go on.
        let harmless = [ErrorKind::Conflict, ErrorKind::EmptyChangeset];
        self.failed |= written.as_ref().is_err_and(|error| !harmless.contains(&error.kind()));
        written
    }

    /// The rows that raw statements change: as they are, each with a version of its own if the
    /// model declares one.
    pub(crate) async fn touched_rows<M: Statements<D::Backend>>(
        &mut self,
        keys: Vec<M::Key>,
    ) -> Result<Vec<M>> {
        self.usable()?;
        let counted = self.count::<M>().await;
        self.failed |= counted.is_err();
        counted?;
        self.load(Load::touch(M::among(keys))).await
    }

    async fn count<M: Statements<D::Backend>>(&mut self) -> Result<()> {
        let count = <D::Backend as Dialect>::COUNT_VERSION;
        if M::DESCRIPTOR.version.is_some() && !count.is_empty() {
            self.transaction.execute(count).await?;
        }
        Ok(())
    }

    async fn run<M: Statements<D::Backend>>(
        &mut self,
        write: Write<D::Backend, M>,
    ) -> Result<Written<M>> {
        self.count::<M>().await?;
        let before: Vec<M> = match write.before {
            Some(rows) => self.transaction.load(Load::select(rows).locking()).await?,
            None => Vec::new(),
        };
        // Anomaly 42: what the write is based on has changed since it was read.
        if let Some(expected) = write.expected
            && Guard::ExpectedVersion.stands()
            && before.first().and_then(M::version) != Some(expected)
        {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the row of `{}` is no longer at version {expected}; read it again with \
                     `find_uncached` and decide anew",
                    M::DESCRIPTOR.model
                ),
            ));
        }
        let mut after = self.transaction.load(write.change).await?;
        if write.reread && !after.is_empty() && Guard::RereadTriggered.stands() {
            let keys = after.iter().map(M::key).collect();
            after = self.transaction.load(Load::select(M::among(keys))).await?;
        }
        Ok(Written { before, after })
    }

    /// After a statement that failed there is nothing to be done but to roll back. PostgreSQL
    /// says so itself. On MySQL the transaction may be gone, and each statement would commit by
    /// itself.
    fn usable(&self) -> Result<()> {
        if self.failed { Err(failed()) } else { Ok(()) }
    }

    /// Begins a savepoint; the mark is for [`end_save`](Self::end_save).
    pub(crate) async fn save(&mut self) -> Result<Mark> {
        self.usable()?;
        self.transaction.save().await?;
        let (touches, later) = (self.touches.len(), self.later.len());
        Ok(Mark { touches, later, joined: self.joined.len(), failed: self.failed })
    }

    /// Ends the innermost savepoint. Undone, it has touched nothing.
    pub(crate) async fn end_save(&mut self, mark: Mark, keep: bool) -> Result<()> {
        self.transaction.end_save(keep).await?;
        if !keep {
            self.failed = mark.failed;
            self.later.truncate(mark.later);
            self.joined.truncate(mark.joined);
            // Anomaly 13: what was undone must not be put.
            if Guard::SavepointUndone.stands() {
                self.touches.truncate(mark.touches);
            }
        }
        Ok(())
    }

    /// Ends the transaction without a trace.
    pub(crate) async fn rollback(self) {
        // Whatever the answer, it will not commit.
        let _ = self.transaction.rollback().await;
    }

    /// Commits, and then gives the cache what it is owed. To be run on a task of its own: a
    /// caller that gives up must not leave a commit without its consequences.
    pub(crate) async fn conclude(mut self) -> Result<()> {
        if self.failed {
            self.rollback().await;
            return Err(failed());
        }
        let joined = std::mem::take(&mut self.joined);
        if let Err(error) = joining::join(&mut self, joined).await {
            self.rollback().await;
            return Err(error);
        }
        // Anomaly 6: whoever dies after COMMIT has told of it by then.
        if let Some(sql) = outbox::insert(self.touches.iter().map(|touch| &touch.key)) {
            let left: Result<Vec<String>> = self.transaction.load(Load::run(sql)).await;
            if let Err(error) = left {
                self.rollback().await;
                return Err(error);
            }
        }
        let mut debt = Debt::new(self.ledger.clone(), std::mem::take(&mut self.touches));
        let name = debt.is_strict() || self.raw;
        // Sent together, so that the transaction's name costs no time of its own.
        let pin = self.pin.as_deref().filter(|_| self.writes);
        let (fenced, name) = tokio::join!(debt.fence(), named(&mut self.transaction, pin, name));
        let name = match (fenced, name) {
            (Ok(()), Ok(name)) => name,
            (Err(error), _) | (_, Err(error)) => {
                self.rollback().await;
                debt.forgive().await;
                return Err(error);
            }
        };
        match debt.keep_up(self.transaction.commit()).await {
            Ok(()) => {
                let settled = debt.settle().await;
                run(self.later).await;
                settled
            }
            Err(lost) if lost.kind() == ErrorKind::CommitUnknown => {
                // Anomaly 14: it may have committed, or may do so any moment.
                if Guard::AwaitOutcome.stands() {
                    let (later, held) = (self.later, (self.ticket, self.pin, self.earlier));
                    tokio::spawn(async move {
                        debt.outlive(name).await;
                        run(later).await;
                        drop(held);
                    });
                } else {
                    debt.forgive().await;
                }
                Err(lost)
            }
            Err(refused) if Guard::PutCommitted.stands() => {
                debt.forgive().await;
                Err(refused)
            }
            Err(refused) => debt.settle().await.and(Err(refused)),
        }
    }
}

async fn run(later: Vec<Later>) {
    for later in later {
        later().await;
    }
}

fn failed() -> Error {
    Error::new(
        ErrorKind::Database,
        "a statement of this transaction has failed, so it is rolled back; return the error, or \
         run such a statement in a savepoint",
    )
}

/// The transaction's name, by which to ask for its outcome. Fails where the transaction has
/// failed unseen: PostgreSQL would answer its COMMIT as if all were well. Fails too where its process
/// is not registered any more, and else keeps it so until the transaction has ended.
async fn named<T: Transaction>(
    transaction: &mut T,
    pin: Option<&Pin>,
    wanted: bool,
) -> Result<Option<String>> {
    if let Some(pin) = pin.filter(|_| Guard::RegisteredInTime.stands()) {
        let check = pin.check(<T::Backend as Dialect>::SHARE_ROWS);
        let registered: Vec<String> = transaction.load(Load::rows(check)).await?;
        if registered.is_empty() {
            return Err(unregistered());
        }
    }
    let sql = <T::Backend as Dialect>::TRANSACTION;
    if !wanted || sql.is_empty() {
        return Ok(None);
    }
    Ok(transaction.load(Load::rows(sql)).await?.pop())
}
