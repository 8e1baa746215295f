//! The way of a write: statements in a transaction, then what the pattern makes of the rows.

use std::borrow::Cow;
use std::sync::Arc;

use tracing::Instrument as _;

use super::{cache_aside, write_through};
use crate::engine::debt::{Ledger, Touch};
use crate::engine::keeper::{Keeper, torn_down};
use crate::engine::session::{Session, Write};
use crate::ports::aggregate::Role;
use crate::ports::condition::Condition;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Model, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::policy::{OnWrite, Pattern};

/// A write by the application.
pub(crate) enum Order<DB: Dialect, M: Model> {
    /// Makes a new row.
    Insert(Load<DB, M>),
    /// Changes the row with this key, if it is at the expected version.
    Change { key: M::Key, statement: Load<DB, M>, expected: Option<i64> },
    /// Deletes the row with this key.
    Delete { key: M::Key, statement: Load<DB, M> },
    /// Changes the row for which the condition holds, or makes a new one.
    Upsert {
        rows: Condition<DB>,
        key: Option<M::Key>,
        insert: Load<DB, M>,
        change: ByCondition<DB, M>,
    },
    /// Changes or deletes all rows for which the condition holds.
    Filter { rows: Condition<DB>, deletes: bool, statement: ByCondition<DB, M> },
}

/// Makes the statement, once it is known how its rows are best named.
pub(crate) type ByCondition<DB, M> = Box<dyn FnOnce(Condition<DB>) -> Load<DB, M> + Send>;

/// Runs a write in a transaction of its own; all is done when this returns, or else will be.
pub(crate) async fn alone<M: Statements<D::Backend>, D: Database>(
    ledger: &Arc<Ledger<D>>,
    keeper: &Arc<Keeper<M, D>>,
    order: Order<D::Backend, M>,
) -> Result<Vec<Arc<M>>> {
    let (ledger, keeper) = (ledger.clone(), keeper.clone());
    let span = tracing::debug_span!("cache.write", model = M::DESCRIPTOR.model);
    // On a task of its own: a caller that gives up must not leave a commit without its
    // consequences.
    let ticket = ledger.in_flight.ticket();
    let work = async move {
        let mut session = Session::begin_with(&ledger, ticket).await?;
        let rows = match within(&mut session, &keeper, order).await {
            Ok(rows) => rows,
            Err(error) => {
                session.rollback().await;
                return Err(error);
            }
        };
        session.conclude().await?;
        if M::DESCRIPTOR.policy.after_write() == OnWrite::Refresh {
            for row in &rows {
                if let Err(error) = keeper.refresh(row.key()).await {
                    tracing::debug!(%error, "the refresh after a write failed");
                }
            }
        }
        Ok(rows)
    };
    match tokio::spawn(work.instrument(span)).await {
        Ok(outcome) => outcome,
        Err(source) => Err(torn_down().with_source(source)),
    }
}

/// Runs a write in a transaction under way. Gives the rows that the statement returned.
pub(crate) async fn within<M: Statements<D::Backend>, D: Database>(
    session: &mut Session<D>,
    keeper: &Arc<Keeper<M, D>>,
    order: Order<D::Backend, M>,
) -> Result<Vec<Arc<M>>> {
    let (key, change, expected, deletes) = match order {
        Order::Insert(statement) => (None, statement, None, false),
        Order::Change { key, statement, expected } => (Some(key), statement, expected, false),
        // It returns the row as it was.
        Order::Delete { key, statement } => (Some(key), statement, None, true),
        Order::Upsert { rows, key, insert, change } => {
            let after = upsert(session, keeper, rows, insert, change).await?;
            session.touch(unfound(keeper, key, &after));
            return Ok(after);
        }
        Order::Filter { rows, deletes, statement } => {
            return by_filter(session, keeper, rows, deletes, statement).await;
        }
    };
    // Old unique values are known only to the row as it was, and so are its version and its root.
    let ways = M::DESCRIPTOR.lookups.len() + M::DESCRIPTOR.lists.len();
    let is_member = matches!(M::DESCRIPTOR.role, Role::Member { .. });
    let looks = !deletes && (ways > 0 || is_member || expected.is_some() || M::DESCRIPTOR.volatile);
    let before = key.clone().filter(|_| looks).map(M::is);
    if let Some(key) = key.clone().filter(|_| !keeper.dependents.are_none()) {
        // Nobody may change meanwhile what is looked at now.
        session.load(Load::<_, M>::select(M::is(key)).locking()).await?;
    }
    follow(session, keeper, key.as_slice()).await?;
    let reread = rereads(keeper) && !deletes;
    let written = session.write(Write { before, expected, change, reread }).await?;
    let before: Vec<Arc<M>> = written.before.into_iter().map(Arc::new).collect();
    let after: Vec<Arc<M>> = written.after.into_iter().map(Arc::new).collect();
    session.touch(unfound(keeper, key, &after));
    session.touch(if deletes {
        touched(keeper, &after, &[])
    } else {
        touched(keeper, &before, &after)
    });
    follow_to_the_end(session, keeper, &after).await?;
    Ok(after)
}

/// Also where no row was found, or one under another key: whatever was cached for the key that the
/// application named is older than this write.
fn unfound<M: Statements<D::Backend>, D: Database>(
    keeper: &Keeper<M, D>,
    key: Option<M::Key>,
    after: &[Arc<M>],
) -> Vec<Touch> {
    let key = key.filter(|key| !after.iter().any(|row| row.key() == *key));
    key.iter().flat_map(|key| keeper.by_key(key)).collect()
}

/// What rows concern beside their own entries, as it is now: before a write of them and after it.
async fn follow<M: Statements<D::Backend>, D: Database>(
    session: &mut Session<D>,
    keeper: &Keeper<M, D>,
    keys: &[M::Key],
) -> Result<()> {
    keeper.touch_concealed(session, keys).await?;
    keeper.dependents.touch(session, keys).await
}

/// The same after the write, and again when it has committed.
async fn follow_to_the_end<M: Statements<D::Backend>, D: Database>(
    session: &mut Session<D>,
    keeper: &Keeper<M, D>,
    rows: &[Arc<M>],
) -> Result<()> {
    let keys: Vec<M::Key> = rows.iter().map(|row| row.key()).collect();
    keeper.dependents.touch_again(session, &keys);
    follow(session, keeper, &keys).await
}

/// Changes the one row that there is, or else inserts one. First it is looked for, so that all that
/// it was known by is known, also where another writer has just inserted it.
async fn upsert<M: Statements<D::Backend>, D: Database>(
    session: &mut Session<D>,
    keeper: &Arc<Keeper<M, D>>,
    rows: Condition<D::Backend>,
    insert: Load<D::Backend, M>,
    change: ByCondition<D::Backend, M>,
) -> Result<Vec<Arc<M>>> {
    let find = || Load::<_, M>::select(rows.clone()).locking();
    let mut found = session.load(find()).await?;
    if found.is_empty() {
        let write = Write { before: None, expected: None, change: insert, reread: rereads(keeper) };
        let new: Vec<Arc<M>> =
            session.write(write).await?.after.into_iter().map(Arc::new).collect();
        if !new.is_empty() {
            session.touch(touched(keeper, &[], &new));
            follow_to_the_end(session, keeper, &new).await?;
            return Ok(new);
        }
        found = session.load(find()).await?;
    }
    let Some(row) = found.pop().map(Arc::new) else {
        return Err(Error::new(
            ErrorKind::Conflict,
            "there is no such row, and none can be inserted: another row has one of its unique \
             values",
        ));
    };
    let change = change(M::is(row.key()));
    follow(session, keeper, &[row.key()]).await?;
    let write = Write { before: None, expected: None, change, reread: rereads(keeper) };
    let after: Vec<Arc<M>> = match session.write(write).await {
        Ok(written) => written.after.into_iter().map(Arc::new).collect(),
        // It is as it should be.
        Err(error) if error.kind() == ErrorKind::EmptyChangeset => return Ok(vec![row]),
        Err(error) => return Err(error),
    };
    session.touch(touched(keeper, &[row], &after));
    follow_to_the_end(session, keeper, &after).await?;
    Ok(after)
}

/// Whether what a statement returns may differ from the row as its triggers leave it. Where
/// statements return nothing, the row has been read after it in any case.
fn rereads<M: Statements<D::Backend>, D: Database>(keeper: &Keeper<M, D>) -> bool {
    <D::Backend as Dialect>::RETURNING && keeper.triggers.is_some()
}

/// Changes or deletes exactly the rows that meet a condition now. They are locked and read first,
/// so that every entry they are known by is known; past the declared number the whole table is
/// invalidated instead.
async fn by_filter<M: Statements<D::Backend>, D: Database>(
    session: &mut Session<D>,
    keeper: &Arc<Keeper<M, D>>,
    rows: Condition<D::Backend>,
    deletes: bool,
    statement: ByCondition<D::Backend, M>,
) -> Result<Vec<Arc<M>>> {
    let limit = M::DESCRIPTOR.policy.bulk_limit();
    let most = limit.map(|limit| limit.saturating_add(1));
    let load = Load::select(rows.clone()).limit(most).locking();
    let found: Vec<Arc<M>> = session.load(load).await?.into_iter().map(Arc::new).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let whole = limit.is_some_and(|limit| found.len() > limit);
    let binds = found.len() * M::DESCRIPTOR.key.len();
    if !whole && binds > <D::Backend as Dialect>::MAX_BINDS {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "{} rows are too many for one statement; say `bulk = 1000` on `{}`, so that such a \
                 write invalidates the whole table",
                found.len(),
                M::DESCRIPTOR.model
            ),
        ));
    }
    let rows = if whole { rows } else { M::among(found.iter().map(|row| row.key()).collect()) };
    if !whole {
        let keys: Vec<M::Key> = found.iter().map(|row| row.key()).collect();
        follow(session, keeper, &keys).await?;
        keeper.dependents.touch_again(session, &keys);
    }
    let reread = rereads(keeper) && !deletes && !whole;
    let change = statement(rows);
    let write = Write { before: None, expected: None, change, reread };
    let after: Vec<Arc<M>> = session.write(write).await?.after.into_iter().map(Arc::new).collect();
    if whole {
        session.touch(keeper.table_removals()?);
    } else {
        let left = if deletes { &[][..] } else { &after[..] };
        session.touch(touched(keeper, &found, left));
        let keys: Vec<M::Key> = left.iter().map(|row| row.key()).collect();
        follow(session, keeper, &keys).await?;
    }
    Ok(after)
}

/// What raw statements did to the rows with these keys, given as they are now: their entries are
/// removed, and those of the unique values that they have.
pub(crate) fn touched_raw<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    keys: &[M::Key],
    rows: Vec<M>,
) -> Vec<Touch> {
    let rows: Vec<Arc<M>> = rows.into_iter().map(Arc::new).collect();
    let mut touches = touched(keeper, &rows, &[]);
    touches.extend(keys.iter().flat_map(|key| keeper.by_key(key)));
    touches
}

/// What a write does to the entries of the rows, as they were before it and are after it.
pub(crate) fn touched<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    before: &[Arc<M>],
    after: &[Arc<M>],
) -> Vec<Touch> {
    let (before, after) = changed(before, after);
    let (before, after) = (&*before, &*after);
    let mut touches = match M::DESCRIPTOR.policy.pattern() {
        // Written behind, a row is touched here only by raw statements.
        Pattern::CacheAside | Pattern::WriteBehind => cache_aside::touched(keeper, before, after),
        Pattern::WriteThrough => write_through::touched(keeper, before, after),
    };
    touches.extend(keeper.lists_touched(before, after));
    touches.extend(keeper.wholes_touched(before, after));
    touches
}

/// Without the rows that a write left as they were, but for columns that are volatile.
fn changed<'r, M: Model>(before: &'r [Arc<M>], after: &'r [Arc<M>]) -> (Rows<'r, M>, Rows<'r, M>) {
    if !M::DESCRIPTOR.volatile {
        return (Cow::Borrowed(before), Cow::Borrowed(after));
    }
    let same = |row: &Arc<M>, others: &[Arc<M>]| {
        others.iter().any(|other| other.key() == row.key() && row.same_but_volatile(other))
    };
    let kept = |rows: &[Arc<M>], others| {
        Cow::Owned(rows.iter().filter(|row| !same(row, others)).cloned().collect())
    };
    (kept(before, after), kept(after, before))
}

type Rows<'r, M> = Cow<'r, [Arc<M>]>;
