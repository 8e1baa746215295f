//! Whether writes are based on their rows as they are: compared before they are acknowledged, under the
//! lock that orders the writes of a row. What other programs write between that and the flush is
//! found by the flush.

use std::collections::HashMap;

use super::fold::next_version;
use super::overlay::{Overlay, unreadable};
use super::tables::{Intent, Kind};
use crate::engine::session::Session;
use crate::ports::BoxFuture;
use crate::ports::behind::Conflicts;
use crate::ports::column_values::ColumnValues;
use crate::ports::database::Database;
use crate::ports::load::Load;
use crate::ports::model::{BoxError, Model, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::outbox::OnConflict;

/// Compares writes with their rows, whatever the model.
pub(crate) trait Compares<D: Database>: Send + Sync {
    /// Notes in each write the version that it is based on. Gives an error for each that is refused: as
    /// it is based on another version than its row's, where the model says so, or as its row cannot
    /// be told. What queues behind parked writes, and says so with `true`, is never refused.
    fn compare<'a>(
        &'a self,
        session: &'a mut Session<D>,
        writes: Vec<(&'a mut Intent, bool)>,
    ) -> BoxFuture<'a, Result<Vec<Option<Error>>>>;
}

impl<M: Statements<D::Backend>, D: Database> Compares<D> for Overlay<M, D> {
    fn compare<'a>(
        &'a self,
        session: &'a mut Session<D>,
        mut writes: Vec<(&'a mut Intent, bool)>,
    ) -> BoxFuture<'a, Result<Vec<Option<Error>>>> {
        Box::pin(async move {
            let Some(rule) = self.behind.conflicts else { return Ok(vec![None; writes.len()]) };
            let (mut asked, mut queued) = (HashMap::new(), HashMap::new());
            let mut payloads = Vec::with_capacity(writes.len());
            for (write, queues) in &writes {
                let payload = ColumnValues::from_json(&write.payload).map_err(unreadable::<M>)?;
                let key = payload.key::<M>().map_err(unreadable::<M>)?;
                let keys = if *queues { &mut queued } else { &mut asked };
                keys.entry(write.aggregate.clone()).or_insert(key);
                payloads.push(payload);
            }
            let mut versions = self.versions(session, asked).await?;
            versions.extend(self.versions_in_table(session, queued).await?);
            let mut answers = Vec::with_capacity(writes.len());
            for ((write, queues), mut payload) in writes.iter_mut().zip(payloads) {
                let version = versions.entry(write.aggregate.clone()).or_insert(Ok(None));
                let current = match version {
                    Ok(current) => current,
                    Err(error) => {
                        answers.push(Some(error.clone()));
                        continue;
                    }
                };
                let next = self.step(&rule, write.kind, &mut payload, *current, *queues);
                answers.push(match next.map_err(unreadable::<M>)? {
                    Ok(next) => {
                        // A row with parked writes stays as it is.
                        *current = if *queues { *current } else { next };
                        write.payload = payload.to_json();
                        None
                    }
                    Err(conflict) => Some(conflict),
                });
            }
            Ok(answers)
        })
    }
}

type Versions = HashMap<String, Result<Option<i64>>>;

impl<M: Statements<D::Backend>, D: Database> Overlay<M, D> {
    /// As all acknowledged writes leave the rows.
    async fn versions(
        &self,
        session: &mut Session<D>,
        rows: HashMap<String, M::Key>,
    ) -> Result<Versions> {
        let (aggregates, keys): (Vec<String>, Vec<M::Key>) = rows.into_iter().unzip();
        let rows = self.within(session, &keys).await?.into_iter();
        let versions = rows.map(|row| Ok(row?.and_then(|row| row.version())));
        Ok(aggregates.into_iter().zip(versions).collect())
    }

    /// As the table has them.
    async fn versions_in_table(
        &self,
        session: &mut Session<D>,
        rows: HashMap<String, M::Key>,
    ) -> Result<Versions> {
        let mut versions = Versions::new();
        for (aggregate, key) in rows {
            let row: Option<M> = session.load(Load::select(M::is(key))).await?.pop();
            versions.insert(aggregate, Ok(row.and_then(|row| row.version())));
        }
        Ok(versions)
    }

    /// The version that the write leaves its row at, or why it is refused.
    fn step(
        &self,
        rule: &Conflicts<M>,
        kind: Kind,
        payload: &mut ColumnValues,
        current: Option<i64>,
        queues: bool,
    ) -> Result<Result<Option<i64>>, BoxError> {
        Ok(match kind {
            Kind::Put => {
                let given = payload.row::<M>()?.version().unwrap_or_default();
                // A row that is not there yet is one of which nobody has seen a version.
                let is_based = given == current.unwrap_or_default();
                if rule.on == OnConflict::Reject && !is_based && !queues {
                    return Ok(Err(conflict::<M>(given, current)));
                }
                payload.set_base(if is_based { current } else { Some(given) });
                Ok(Some(next_version(Some(given), current)))
            }
            Kind::Delete => {
                payload.set_base(current);
                Ok(None)
            }
            Kind::Touch => Ok(current),
            Kind::Merge => Ok(match (current, self.behind.missing) {
                (None, None) => None,
                (None, Some(missing)) => {
                    Some(next_version(missing(payload.key::<M>()?).version(), None))
                }
                (Some(_), _) => Some(next_version(None, current)),
            }),
        })
    }
}

fn conflict<M: Model>(given: i64, current: Option<i64>) -> Error {
    let now = match current {
        Some(version) => format!("the row is at version {version} now"),
        None => "there is no row now".to_owned(),
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "this row of `{}` is based on version {given}, but {now}; nothing was written: read it \
             again",
            M::DESCRIPTOR.model
        ),
    )
}
