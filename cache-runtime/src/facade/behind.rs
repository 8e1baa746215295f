//! Write-behind in an application's hands: enqueueing, tickets, pausing; and how it is put together.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::registration::{Parts, Ready, Registration};
use super::repository::Repository;
use super::transaction::TxRepository;
use crate::engine::behind::Queued;
use crate::engine::behind::backlog::Lanes;
use crate::engine::behind::conflicts::Compares;
use crate::engine::behind::flusher::{Flusher, Flushes, State};
use crate::engine::behind::overlay::{Overlay, parked};
use crate::engine::behind::strays::Strays;
use crate::engine::behind::tables::{Place, Tables, Whereabouts};
use crate::engine::invalidator::Invalidator;
use crate::engine::keeper::{Keeper, Triggers, torn_down};
use crate::engine::tier::Tier;
use crate::patterns::write_behind::{Enqueue, enqueue, enqueue_within, payload_of};
use crate::ports::behind::{Behind, WriteBehind};
use crate::ports::clock::Clock;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Model, Statements};
use crate::ports::telemetry::Probe;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::AsKey;

/// How often a ticket asks where its write is, at first and at most.
const ASK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// The writes of a model with `pattern = "write_behind"`.
///
/// Each is acknowledged when it is durable in the outbox, beside the data. Readers of this model see
/// it at once, in every process, within what the model's consistency promises; the row itself changes
/// when the write is flushed. Who reads the table past the cache sees it then.
///
/// # Errors
///
/// Each can fail with [`ErrorKind::Pool`] or [`ErrorKind::Database`], and nothing is written; with
/// [`ErrorKind::CommitUnknown`], if the connection was lost while it committed; with
/// [`ErrorKind::Conflict`] where the model says `on_conflict = "reject"` and the row is at another
/// version than the one enqueued, which nobody overwrites then; with [`ErrorKind::Full`] past `max_pending` or `max_age`; with [`ErrorKind::Parked`] where the row has
/// writes that cannot be applied, unless the model says `on_parked = "queue"`; and with
/// [`ErrorKind::Unreadable`] for a value that JSON cannot hold, as a float that is not a number.
impl<M: Statements<D::Backend>, D: Database> Repository<M, D> {
    /// Writes a whole row, whether or not there is one with its key.
    pub async fn enqueue(&self, row: M) -> Result<Enqueued<M, D>>
    where
        M: WriteBehind,
    {
        self.behind(Enqueue::Row(row)).await
    }

    /// Deletes the row with this key, if there is one.
    pub async fn enqueue_delete(&self, key: impl AsKey<M::Key>) -> Result<Enqueued<M, D>>
    where
        M: WriteBehind,
    {
        self.behind(Enqueue::Delete(key.to_key())).await
    }

    /// Changes columns of the row with this key, each by its rule: `last` replaces, `add` sums,
    /// `max` and `min` compare. Concurrent deltas of all processes come together.
    ///
    /// Where there is no row when it is applied, it is parked, or with `on_missing = "insert"` begins
    /// with the model's default.
    pub async fn merge(&self, key: impl AsKey<M::Key>, delta: M::Delta) -> Result<Enqueued<M, D>>
    where
        M: WriteBehind,
    {
        let payload = payload_of::<M>(&delta)?;
        self.behind(Enqueue::Delta(key.to_key(), payload)).await
    }

    async fn behind(&self, write: Enqueue<M>) -> Result<Enqueued<M, D>> {
        let place = enqueue(self.keeper(), write).await?;
        Ok(Enqueued { keeper: self.keeper().clone(), place })
    }

    /// How many writes are pending: acknowledged, and neither flushed nor parked. Asks the database.
    pub async fn pending(&self) -> Result<u64>
    where
        M: WriteBehind,
    {
        let queued = self.keeper().behind.as_ref().ok_or_else(torn_down)?;
        Ok(queued.lanes.backlog.tables.gauge().await?.0)
    }

    /// Flushes no more in this process until [`resume_flushing`](Self::resume_flushing); other
    /// processes go on. No flush of this process is under way when this returns.
    pub async fn pause_flushing(&self)
    where
        M: WriteBehind,
    {
        if let Some(queued) = &self.keeper().behind {
            queued.flusher.pause().await;
        }
    }

    /// Undoes [`pause_flushing`](Self::pause_flushing).
    pub fn resume_flushing(&self)
    where
        M: WriteBehind,
    {
        if let Some(queued) = &self.keeper().behind {
            queued.flusher.resume();
        }
    }
}

/// The same as a part of the transaction: durable, and seen by readers, when that commits.
///
/// The row's place among the writes of others is taken at the end, under a lock that is held for as
/// long as the COMMIT takes. What speaks against a write is found then: with its error
/// ([`ErrorKind::Full`], also where the model says `on_full = "wait"`; [`ErrorKind::Parked`];
/// [`ErrorKind::Conflict`]) the whole transaction is rolled back.
impl<M: Statements<D::Backend> + WriteBehind, D: Database> TxRepository<'_, M, D> {
    /// As [`Repository::enqueue`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreadable`] for a value that JSON cannot hold.
    pub fn enqueue(&mut self, row: M) -> Result<()> {
        enqueue_within(self.session, &self.keeper, Enqueue::Row(row))
    }

    /// As [`Repository::enqueue_delete`].
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub fn enqueue_delete(&mut self, key: impl AsKey<M::Key>) -> Result<()> {
        enqueue_within(self.session, &self.keeper, Enqueue::Delete(key.to_key()))
    }

    /// As [`Repository::merge`].
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub fn merge(&mut self, key: impl AsKey<M::Key>, delta: M::Delta) -> Result<()> {
        let payload = payload_of::<M>(&delta)?;
        enqueue_within(self.session, &self.keeper, Enqueue::Delta(key.to_key(), payload))
    }
}

/// A write that is durable in the outbox.
pub struct Enqueued<M: Model, D: Database> {
    keeper: Arc<Keeper<M, D>>,
    place: Place,
}

impl<M: Model, D: Database> std::fmt::Debug for Enqueued<M, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stripe, seq) = self.id();
        write!(f, "Enqueued({stripe}, {seq})")
    }
}

impl<M: Statements<D::Backend>, D: Database> Enqueued<M, D> {
    /// Waits until the write is in its row. Asks the database, more and more seldom.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parked`] if it cannot be applied, and is kept in `cache_parked`.
    pub async fn flushed(&self) -> Result<()> {
        let queued = self.keeper.behind.as_ref().ok_or_else(torn_down)?;
        let mut pause = ASK.0;
        loop {
            match queued.lanes.backlog.tables.locate(self.place).await? {
                Whereabouts::Flushed => return Ok(()),
                Whereabouts::Parked => return Err(parked::<M>("as its error there says")),
                Whereabouts::Pending => {}
            }
            self.keeper.rows.clock.sleep(pause).await;
            pause = (pause * 2).min(ASK.1);
        }
    }
}

impl<M: Model, D: Database> Enqueued<M, D> {
    /// Its place in the outbox, which no other write of the database ever has: `stripe` and `seq`.
    pub fn id(&self) -> (i64, i64) {
        (self.place.stripe, self.place.seq)
    }
}

/// A model's outbox before anything works on it.
pub(super) struct Opened<M: Model, D: Database> {
    tables: Arc<Tables<D>>,
    behind: Behind<D::Backend, M>,
}

/// Opens the outbox of a model that has one, if nothing speaks against it.
pub(super) async fn open<M: Statements<D::Backend>, D: Database>(
    parts: &Parts<D>,
    table: &str,
    triggers: Option<Triggers>,
) -> Result<Option<Opened<M, D>>> {
    let Some(behind) = M::behind() else { return Ok(None) };
    let (model, database) = (M::DESCRIPTOR.model, &parts.ledger.database);
    if triggers.is_some() {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "`{model}` is written behind, but its table has triggers or rules: readers would see \
                 the row without what these do to it; drop them, or write it through"
            ),
        ));
    }
    if !parts.accepts_write_loss {
        let losses = Load::<_, String>::rows(<D::Backend as Dialect>::LOSSES);
        if let Some(loss) = database.load(losses).await?.first() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "`{model}` is written behind, so that what is acknowledged must be durable, but \
                     {loss}; change that, or accept the loss with `.accept_write_loss()`"
                ),
            ));
        }
    }
    let tables = Arc::new(Tables::open(database.clone(), model, table).await?);
    Ok(Some(Opened { tables, behind }))
}

/// What a miss reads.
pub(super) fn overlay<M: Model, D: Database>(opened: &Opened<M, D>) -> Overlay<M, D> {
    Overlay { tables: opened.tables.clone(), behind: opened.behind }
}

/// Begins to take writes, and to flush them.
pub(super) fn start<M: Statements<D::Backend>, D: Database>(
    parts: &Parts<D>,
    opened: Opened<M, D>,
    tier: &Arc<Tier>,
    invalidator: &Arc<Invalidator>,
    probe: impl Fn() -> Box<dyn Probe>,
) -> Queued<D> {
    let Opened { tables, behind } = opened;
    let (ledger, model) = (parts.ledger.clone(), M::DESCRIPTOR.model);
    let compares = behind.conflicts.is_some().then(|| {
        Arc::new(Overlay::<M, D> { tables: tables.clone(), behind }) as Arc<dyn Compares<D>>
    });
    let (outbox, all) = (behind.outbox, tables.clone());
    let lanes = Lanes::start(ledger.clone(), all, model, outbox, compares, probe());
    let flusher = Arc::new(Flusher::<M, D> {
        ledger,
        tier: tier.clone(),
        invalidator: invalidator.clone(),
        tables,
        behind,
        probe: probe(),
        work: lanes.backlog.work.clone(),
        oldest_millis: lanes.backlog.oldest_millis.clone(),
        state: State::default(),
    });
    let (alive, ended) = oneshot::channel();
    tokio::spawn(flusher.clone().run(ended));
    let version = behind.outbox.version;
    Queued { lanes, flusher, version, touching: Mutex::default(), _alive: alive }
}

/// Looks for pending writes of models that nobody has, if this process has an outbox itself.
pub(super) fn watch<D: Database>(
    parts: &Parts<D>,
    models: &[Registration<D>],
    ready: &HashMap<TypeId, Ready<D>>,
) -> Result<Option<oneshot::Sender<()>>> {
    let flushed = models
        .iter()
        .filter(|model| ready.get(&model.id).is_some_and(|ready| ready.flusher.is_some()));
    let known = flushed.map(|model| (model.table)()).collect::<Result<Vec<String>>>()?;
    if known.is_empty() {
        return Ok(None);
    }
    let strays = Strays {
        database: parts.ledger.database.clone(),
        clock: parts.clock.clone(),
        probe: parts.telemetry.probe("*", parts.shield.store().tier()),
        known,
    };
    let (alive, ended) = oneshot::channel();
    tokio::spawn(strays.run(ended));
    Ok(Some(alive))
}

/// Flushes what is pending, as far as it goes within the time. Tells how much is pending then; none
/// if the database did not say.
pub(super) async fn drain(
    flushers: Vec<Arc<dyn Flushes>>,
    clock: &Arc<dyn Clock>,
    deadline: Duration,
) -> Option<u64> {
    let all = async {
        let mut pending = 0;
        for flusher in &flushers {
            pending += flusher.drain().await.ok()?;
        }
        Some(pending)
    };
    tokio::select! {
        pending = all => pending,
        () = clock.sleep(deadline) => None,
    }
}
