//! The statements by which writes come into an outbox: as few as the database allows, and each with
//! few texts, as a group waits for them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tables::{Intent, Place, Tables};
use crate::engine::session::Session;
use crate::ports::bound::{Bound, rounded};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::values::error::{Error, ErrorKind, Result};

impl<D: Database> Tables<D> {
    /// Stores writes at these places, in the outbox or behind what is parked, and moves the heads on:
    /// each to its next number, past so many that went to what is parked.
    pub(crate) async fn store(
        &self,
        session: &mut Session<D>,
        pending: &[(Place, &Intent)],
        behind: &[(Place, &Intent)],
        heads: &BTreeMap<i64, (i64, i64)>,
    ) -> Result<()> {
        let Some(advance) = advance(heads) else { return Ok(()) };
        let pending = insert::<D>(pending, false)?;
        let within = <D::Backend as Dialect>::WRITES_WITHIN;
        let (first, second) = match pending {
            Some(insert) if within => {
                let advance = Bound::default().sql("WITH moved AS (").and(advance).sql(") ");
                (Load::<_, String>::run_bound(advance.and(insert)), None)
            }
            pending => (Load::run_bound(advance), pending.map(Load::run_bound)),
        };
        let behind = insert::<D>(behind, true)?.map(Load::run_bound);
        let all = [second, behind].into_iter().flatten().fold(first, Load::then);
        session.load(all).await.map(drop)
    }
}

/// The statement that inserts writes at these places, if there are any.
fn insert<D: Database>(writes: &[(Place, &Intent)], parked: bool) -> Result<Option<Bound>> {
    if writes.is_empty() {
        return Ok(None);
    }
    let lines = writes.iter().map(|(place, intent)| Line {
        s: place.stripe,
        q: place.seq,
        a: &intent.aggregate,
        k: intent.kind as i64,
        p: &intent.payload,
        v: intent.version,
    });
    let text = serde_json::to_string(&lines.collect::<Vec<_>>()).map_err(|source| {
        Error::new(ErrorKind::Unreadable, "a write cannot be kept as JSON").with_source(source)
    })?;
    let (table, more, values) = match parked {
        false => ("cache_outbox", "", ""),
        true => ("cache_parked", ", error, attempts", ", 'behind a parked write', 0"),
    };
    let (open, close) = <D::Backend as Dialect>::JSON_ROWS;
    let now = <D::Backend as Dialect>::NOW_MILLIS;
    let before = format!(
        "INSERT INTO {table} (stripe, seq, aggregate, kind, payload, version, at_ms{more}) \
         SELECT r.s, r.q, r.a, r.k, r.p, r.v, {now}{values} FROM {open}"
    );
    Ok(Some(Bound::default().sql(before).text(text).sql(close)))
}

/// A write as [`Dialect::JSON_ROWS`] reads it.
#[derive(Serialize)]
struct Line<'a> {
    s: i64,
    q: i64,
    a: &'a str,
    k: i64,
    p: &'a str,
    v: u32,
}

/// The statement that moves heads on, if there are any.
fn advance(heads: &BTreeMap<i64, (i64, i64)>) -> Option<Bound> {
    let heads: Vec<_> =
        heads.iter().map(|(stripe, (next, past))| (*stripe, *next, *past)).collect();
    let heads = rounded(heads, None);
    if heads.is_empty() {
        return None;
    }
    let mut next = Bound::default().sql("UPDATE cache_outbox_stripes SET next_seq = CASE");
    let mut skipped = Bound::default().sql(" END, skipped = skipped + CASE");
    for (stripe, to, past) in &heads {
        next = next.sql(" WHEN stripe = ").number(*stripe).sql(" THEN ").number(*to);
        skipped = skipped.sql(" WHEN stripe = ").number(*stripe).sql(" THEN ").number(*past);
    }
    let stripes = heads.iter().map(|(stripe, ..)| *stripe);
    Some(next.and(skipped).sql(" END WHERE stripe IN ").list(stripes))
}
