//! The way of a write: statements in a transaction, then what the pattern makes of the rows.

use std::sync::Arc;

use tracing::Instrument as _;

use super::{cache_aside, write_through};
use crate::engine::debt::{Ledger, Touch};
use crate::engine::keeper::{Keeper, torn_down};
use crate::engine::session::{Session, Write};
use crate::ports::database::{Database, Dialect};
use crate::ports::model::Statements;
use crate::ports::statement::{Condition, Load};
use crate::values::error::Result;
use crate::values::policy::{OnWrite, Pattern};

/// What a statement does to rows.
pub(crate) enum Deed<DB: Dialect> {
    /// Makes new ones.
    Insert,
    /// Changes those for which the condition holds, or makes new ones.
    Change(Condition<DB>),
    /// Removes those for which the condition holds.
    Delete(Condition<DB>),
}

/// A write by the application: the deed, its statement, and the version it is based on.
pub(crate) struct Order<DB: Dialect, M> {
    pub(crate) deed: Deed<DB>,
    pub(crate) statement: Load<DB, M>,
    pub(crate) expected: Option<i64>,
}

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
    let work = async move {
        let mut session = Session::begin(&ledger).await?;
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
    let Order { deed, statement, expected } = order;
    let deletes = matches!(deed, Deed::Delete(_));
    // Old unique values are known only to the row as it was, and so is its version. A deleted
    // row is returned as it was.
    let before = match deed {
        Deed::Change(rows) if !M::DESCRIPTOR.lookups.is_empty() || expected.is_some() => Some(rows),
        Deed::Delete(rows) if expected.is_some() => Some(rows),
        _ => None,
    };
    let reread = keeper.triggers.is_some() && !deletes;
    let written = session.write(Write { before, expected, change: statement, reread }).await?;
    let before: Vec<Arc<M>> = written.before.into_iter().map(Arc::new).collect();
    let after: Vec<Arc<M>> = written.after.into_iter().map(Arc::new).collect();
    session.touch(if deletes {
        touched(keeper, &after, &[])
    } else {
        touched(keeper, &before, &after)
    });
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
    touches.extend(keys.iter().map(|key| keeper.removal(key)));
    touches
}

/// What a write does to the entries of the rows, as they were before it and are after it.
pub(crate) fn touched<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    before: &[Arc<M>],
    after: &[Arc<M>],
) -> Vec<Touch> {
    match M::DESCRIPTOR.policy.pattern() {
        Pattern::CacheAside => cache_aside::touched(keeper, before, after),
        Pattern::WriteThrough => write_through::touched(keeper, before, after),
    }
}
