//! Write-behind: writes that are acknowledged once they are in a durable outbox, read together with
//! their rows, and flushed to these later.

pub(crate) mod backlog;
pub(crate) mod conflicts;
pub(crate) mod control;
pub(crate) mod flusher;
pub(crate) mod fold;
mod group;
pub(crate) mod inspect;
pub(crate) mod joining;
pub(crate) mod overlay;
mod parking;
mod prepare;
mod refusals;
mod storing;
pub(crate) mod strays;
pub(crate) mod tables;

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ports::database::Database;

/// The outbox of a model, as its repository uses it. Gone, it ends what works behind it.
pub(crate) struct Queued<D: Database> {
    pub(crate) lanes: backlog::Lanes<D>,
    pub(crate) flusher: Arc<dyn flusher::Flushes>,
    /// The version of the payloads that are written.
    pub(crate) version: u32,
    /// The rows of which a read is being told.
    pub(crate) touching: Mutex<HashSet<String>>,
    pub(crate) _alive: tokio::sync::oneshot::Sender<()>,
}
