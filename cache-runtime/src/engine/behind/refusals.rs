//! What a refusal of the database means: whether it passes by itself, is for good, or may be fine when
//! other rows are written.
//!
//! The writes of one row are applied in their order, those of different rows are not: a row may come
//! before the parent that was enqueued before it, a parent go before its children, a unique value be
//! taken before it is free. Such a refusal is no verdict as long as there are pending writes, of any
//! model, that were acknowledged before: these are waited for.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::flusher::Flusher;
use super::tables::{Tables, quoted};
use crate::engine::session::Session;
use crate::ports::batch::Cells;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::Statements;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::moment::Moment;

/// Two writes of one transaction may have been inserted in another order than they were asked for.
const TOGETHER: i64 = 1000;
/// For how long those are waited for that may be older or not.
const MOST: Duration = Duration::from_secs(5);

/// Since when rows have been waiting.
pub(super) type Waiting = Mutex<HashMap<String, Moment>>;

/// Whether the database has refused a statement, and would again; not if it was away, or busy.
pub(super) fn is_for_good(error: &Error) -> bool {
    use diesel::result::DatabaseErrorKind as Kind;
    use diesel::result::Error::{DatabaseError, QueryBuilderError, SerializationError};
    if error.kind() != ErrorKind::Database {
        return false;
    }
    match error.diesel() {
        Some(DatabaseError(Kind::Unknown, info)) => {
            let message = info.message().to_lowercase();
            const PASSING: &[&str] = &[
                "deadlock",
                "lock wait timeout",
                "locked",
                "busy",
                "terminat",
                "shutdown",
                "shutting down",
                "starting up",
                "canceling",
                "try restarting",
                "connection",
                "gone away",
                "disk",
                "no space",
                "full",
                "read-only",
                "readonly",
            ];
            !PASSING.iter().any(|passing| message.contains(passing))
        }
        Some(DatabaseError(
            Kind::UniqueViolation
            | Kind::ForeignKeyViolation
            | Kind::NotNullViolation
            | Kind::CheckViolation
            | Kind::RestrictViolation
            | Kind::ExclusionViolation,
            _,
        ))
        | Some(SerializationError(_) | QueryBuilderError(_)) => true,
        _ => false,
    }
}

/// Whether a refusal is about other rows, as they are now.
pub(super) fn is_about_others(error: &Error) -> bool {
    use diesel::result::DatabaseErrorKind as Kind;
    use diesel::result::Error::DatabaseError;
    matches!(
        error.diesel(),
        Some(DatabaseError(
            Kind::ForeignKeyViolation
                | Kind::UniqueViolation
                | Kind::RestrictViolation
                | Kind::ExclusionViolation,
            _
        ))
    )
}

impl<M: Statements<D::Backend>, D: Database> Flusher<M, D> {
    /// Whether the row's writes wait for others that are pending, but for those of `stuck`, which have
    /// just been tried in vain.
    pub(super) async fn waits(
        &self,
        session: &mut Session<D>,
        aggregate: &str,
        stuck: &[String],
    ) -> Result<bool> {
        if !Guard::OlderFirst.stands() {
            return Ok(false);
        }
        let now = self.ledger.fences.clock.now();
        let waits = match self.tables.older(session, aggregate, stuck).await? {
            Older::Some => true,
            Older::Perhaps => {
                let since = *self.state.waiting.lock().entry(aggregate.to_owned()).or_insert(now);
                now.since(since) < MOST
            }
            Older::None => false,
        };
        if !waits {
            self.state.waiting.lock().remove(aggregate);
        }
        Ok(waits)
    }
}

/// Whether writes of other rows are pending that were acknowledged before.
enum Older {
    /// Before all of the row's own. Of rows that wait for each other, one has none of these.
    Some,
    /// Before some of them, or at the same time.
    Perhaps,
    None,
}

impl<D: Database> Tables<D> {
    async fn older(
        &self,
        session: &mut Session<D>,
        aggregate: &str,
        stuck: &[String],
    ) -> Result<Older> {
        let (stripe, integer) = (self.stripe(aggregate), <D::Backend as Dialect>::CAST_INTEGER);
        let own = format!("stripe = {stripe} AND aggregate = '{aggregate}'");
        let (model, tried) = (self.own("p.stripe"), quoted(stuck.iter().map(String::as_str)));
        // The oldest of each stripe is its first.
        let sql = format!(
            "SELECT CAST((SELECT min(at_ms) FROM cache_outbox WHERE {own}) AS {integer}), \
             CAST((SELECT max(at_ms) FROM cache_outbox WHERE {own}) AS {integer}), \
             CAST((SELECT min(o.at_ms) FROM cache_outbox_stripes s JOIN cache_outbox o ON o.stripe = \
             s.stripe AND o.seq = (SELECT min(p.seq) FROM cache_outbox p WHERE p.stripe = s.stripe \
             AND NOT ({model} AND p.aggregate IN ({tried})))) AS {integer})"
        );
        let found: Vec<Cells> = session.load(Load::rows(sql)).await?;
        let at = |column| found.first().and_then(|cells| cells.at(column));
        let (Some(first), Some(last), Some(oldest)) = (at(0), at(1), at(2)) else {
            return Ok(Older::None);
        };
        Ok(match oldest {
            _ if oldest < first => Older::Some,
            _ if oldest <= last + TOGETHER => Older::Perhaps,
            _ => Older::None,
        })
    }
}
