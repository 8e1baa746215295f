//! The tables of an outbox, as one model uses them. Each statement is here.
//!
//! A model has a number of *stripes*, and the writes of one row are all in the same. Who enqueues
//! locks a stripe's head, and takes numbers under the lock that it holds until it has committed: so
//! the numbers of a stripe are seen in their order, and without gaps that fill later (anomaly 25).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::flusher::Taken;
use crate::engine::outbox::hex;
use crate::engine::session::Session;
use crate::ports::batch::{Cells, Pending};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::{KeyParts, KeyWriter};

/// How many stripes a model has. As many groups can be enqueued at the same moment.
pub(crate) const STRIPES: i64 = 32;
/// The longest key that the tables take, in hexadecimal.
const LONGEST_KEY: usize = 700;

/// The tables, for one model.
pub(crate) struct Tables<D> {
    pub(crate) database: D,
    /// The first of its stripes.
    pub(super) first: i64,
}

/// The head of a stripe, locked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) stripe: i64,
    pub(crate) next: i64,
    /// How many rows of the stripe have parked writes.
    pub(crate) parked: i64,
    /// How many writes of the model were pending.
    pub(crate) pending: i64,
}

/// A write as it goes into the outbox.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) stripe: i64,
    pub(crate) aggregate: String,
    pub(crate) kind: Kind,
    pub(crate) payload: String,
    pub(crate) version: u32,
}

/// What a write does to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Put = 0,
    Delete = 1,
    Merge = 2,
}

/// The place of a write in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) stripe: i64,
    pub(crate) seq: i64,
}

/// Where a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    Pending,
    Parked,
    Flushed,
}

const COLUMNS: &str = "aggregate, seq, kind, payload, version";

impl<D: Database> Tables<D> {
    /// The condition that a stripe is one of the model's.
    pub(super) fn own(&self, column: &str) -> String {
        format!("{column} BETWEEN {} AND {}", self.first, self.first + STRIPES - 1)
    }

    /// The stripe of a row's writes, and the row's name there.
    pub(crate) fn aggregate(&self, key: &(impl KeyParts + ?Sized)) -> Result<(i64, String)> {
        let mut written = KeyWriter::default();
        key.write_parts(&mut written);
        let aggregate = hex(written.as_bytes());
        if aggregate.len() > LONGEST_KEY {
            return Err(Error::new(
                ErrorKind::Configuration,
                "a key of more than 350 bytes is too long for the outbox",
            ));
        }
        Ok((self.stripe(&aggregate), aggregate))
    }

    pub(crate) fn stripe(&self, aggregate: &str) -> i64 {
        self.first + i64::from(crc32fast::hash(aggregate.as_bytes())) % STRIPES
    }

    /// Locks the heads of these stripes: all, or those alone that nobody else has locked.
    pub(crate) async fn lock(
        &self,
        session: &mut Session<D>,
        stripes: &BTreeSet<i64>,
        wait: bool,
    ) -> Result<Vec<Head>> {
        let (lock, pass) = locks::<D>(wait);
        let pending = self.pending_sql();
        // Whoever locks several does so in their order, so that no two wait for each other.
        let sql = format!(
            "SELECT stripe, next_seq, parked, {pending} FROM cache_outbox_stripes WHERE stripe IN \
             ({}) ORDER BY stripe{lock}{pass}",
            list(stripes)
        );
        let rows: Vec<Cells> = session.load(Load::rows(sql)).await?;
        let head = |cells: &Cells| {
            let (stripe, next) = (cells.at(0)?, cells.at(1)?);
            Some(Head { stripe, next, parked: cells.at(2)?, pending: cells.at(3)? })
        };
        rows.iter().map(|cells| head(cells).ok_or_else(foreign)).collect()
    }

    fn pending_sql(&self) -> String {
        let (own, integer) = (self.own("stripe"), <D::Backend as Dialect>::CAST_INTEGER);
        format!(
            "CAST((SELECT sum(next_seq - skipped) FROM cache_outbox_stripes WHERE {own}) - (SELECT \
             sum(removed) FROM cache_outbox_claims WHERE {own}) AS {integer})"
        )
    }

    /// Which of these rows have parked writes.
    pub(crate) async fn parked_among(
        &self,
        session: &mut Session<D>,
        aggregates: impl Iterator<Item = &str>,
    ) -> Result<BTreeSet<String>> {
        let sql = format!(
            "SELECT DISTINCT aggregate FROM cache_parked WHERE aggregate IN ({}) AND {}",
            quoted(aggregates),
            self.own("stripe")
        );
        let parked: Vec<String> = session.load(Load::rows(sql)).await?;
        Ok(parked.into_iter().collect())
    }

    /// Inserts writes at these places: into the outbox, or behind what is parked.
    pub(crate) async fn insert(
        &self,
        session: &mut Session<D>,
        writes: &[(Place, &Intent)],
        parked: bool,
    ) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        let rows: Vec<serde_json::Value> = writes
            .iter()
            .map(|(place, intent)| {
                serde_json::json!({
                    "s": place.stripe, "q": place.seq, "a": intent.aggregate,
                    "k": intent.kind as i64, "p": intent.payload, "v": intent.version,
                })
            })
            .collect();
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
        let text = serde_json::Value::Array(rows).to_string();
        let insert = Load::<_, String>::run_with(before, text, close.to_owned());
        session.load(insert).await.map(drop)
    }

    /// Moves the heads on: each to its next number, past so many that went to what is parked.
    pub(crate) async fn advance(
        &self,
        session: &mut Session<D>,
        heads: &BTreeMap<i64, (i64, i64)>,
    ) -> Result<()> {
        if heads.is_empty() {
            return Ok(());
        }
        let (mut next, mut skipped) = (String::new(), String::new());
        for (stripe, (to, past)) in heads {
            let _ = write!(next, " WHEN {stripe} THEN {to}");
            let _ = write!(skipped, " WHEN {stripe} THEN {past}");
        }
        let skipped = match heads.values().any(|(_, past)| *past > 0) {
            true => format!(", skipped = skipped + CASE stripe{skipped} END"),
            false => String::new(),
        };
        let sql = format!(
            "UPDATE cache_outbox_stripes SET next_seq = CASE stripe{next} END{skipped} WHERE \
             stripe IN ({})",
            list(heads.keys())
        );
        session.load(Load::<_, String>::run(sql)).await.map(drop)
    }

    /// What is pending for these rows, in the outbox and parked, for a statement that reads the rows
    /// as well.
    pub(crate) fn overlay<'a>(
        &self,
        aggregates: impl Iterator<Item = &'a str> + Clone,
    ) -> [String; 2] {
        let (these, own) = (quoted(aggregates), self.own("stripe"));
        let from = |table: &str, error: &str| {
            format!("{COLUMNS}, {error} FROM {table} WHERE aggregate IN ({these}) AND {own}")
        };
        [from("cache_outbox", "''"), from("cache_parked", "error")]
    }

    /// Whether anything is pending at all.
    pub(crate) async fn is_idle(&self) -> Result<bool> {
        let sql = format!("SELECT seq FROM cache_outbox WHERE {} LIMIT 1", self.own("stripe"));
        Ok(self.database.load::<Cells>(Load::rows(sql)).await?.is_empty())
    }

    /// How many writes are pending, and for how many milliseconds the oldest has been.
    pub(crate) async fn gauge(&self) -> Result<(u64, u64)> {
        let (integer, now) =
            (<D::Backend as Dialect>::CAST_INTEGER, <D::Backend as Dialect>::NOW_MILLIS);
        let sql = format!(
            "SELECT {}, CAST(coalesce((SELECT max({now} - o.at_ms) FROM cache_outbox_stripes s JOIN \
             cache_outbox o ON o.stripe = s.stripe AND o.seq = (SELECT min(p.seq) FROM cache_outbox \
             p WHERE p.stripe = s.stripe) WHERE {}), 0) AS {integer})",
            self.pending_sql(),
            self.own("s.stripe")
        );
        let found: Vec<Cells> = self.database.load(Load::rows(sql)).await?;
        let cell = |at| found.first().and_then(|cells| cells.at(at)).unwrap_or_default();
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok((positive(cell(0)), positive(cell(1))))
    }

    /// Where a write is now.
    pub(crate) async fn locate(&self, place: Place) -> Result<Whereabouts> {
        let Place { stripe, seq } = place;
        let here = format!("WHERE stripe = {stripe} AND seq = {seq}");
        let sql = format!(
            "SELECT CAST(0 AS {0}) FROM cache_outbox {here} UNION ALL SELECT CAST(1 AS {0}) FROM \
             cache_parked {here}",
            <D::Backend as Dialect>::CAST_INTEGER
        );
        let found: Vec<Cells> = self.database.load(Load::rows(sql)).await?;
        Ok(match found.first().and_then(|cells| cells.at(0)) {
            None => Whereabouts::Flushed,
            Some(0) => Whereabouts::Pending,
            Some(_) => Whereabouts::Parked,
        })
    }

    /// Claims stripes for a flush: of these, those that no other flush has.
    pub(crate) async fn claim(
        &self,
        session: &mut Session<D>,
        stripes: &BTreeSet<i64>,
    ) -> Result<BTreeSet<i64>> {
        // Anomaly 35: of two who flush one stripe, the one with the older writes may be the later.
        if !Guard::StripeClaimed.stands() {
            return Ok(stripes.clone());
        }
        let (lock, pass) = locks::<D>(false);
        let sql = format!(
            "SELECT stripe FROM cache_outbox_claims WHERE stripe IN ({}) ORDER BY \
             stripe{lock}{pass}",
            list(stripes)
        );
        let rows: Vec<Cells> = session.load(Load::rows(sql)).await?;
        Ok(rows.iter().filter_map(|cells| cells.at(0)).collect())
    }

    /// The stripes of the model, beginning at one of them.
    pub(crate) fn stripes_from(&self, start: i64) -> impl Iterator<Item = i64> {
        let first = self.first;
        (0..STRIPES).map(move |step| first + (start + step).rem_euclid(STRIPES))
    }

    /// The oldest writes of these stripes, in order: at most so many of each.
    pub(crate) async fn take(
        &self,
        session: &mut Session<D>,
        stripes: &BTreeSet<i64>,
        most: usize,
    ) -> Result<Vec<Pending>> {
        let of = |stripe: &i64| {
            format!(
                "SELECT * FROM (SELECT {COLUMNS}, '' AS parked FROM cache_outbox WHERE stripe = \
                 {stripe} ORDER BY seq LIMIT {most}) AS of_{stripe}"
            )
        };
        let all: Vec<String> = stripes.iter().map(of).collect();
        let mut rows: Vec<Pending> = session.load(Load::rows(all.join(" UNION ALL "))).await?;
        rows.sort_by_key(|row| (self.stripe(&row.aggregate), row.seq));
        Ok(rows)
    }

    /// Removes what was taken: each stripe up to a number, so many writes.
    pub(crate) async fn remove(&self, session: &mut Session<D>, taken: &Taken) -> Result<()> {
        let (mut which, mut count) = (Vec::new(), String::new());
        for (stripe, (last, rows)) in &taken.stripes {
            let left = taken.left.get(stripe).map(|left| {
                format!(" AND aggregate NOT IN ({})", quoted(left.iter().map(String::as_str)))
            });
            let left = left.unwrap_or_default();
            which.push(format!("(stripe = {stripe} AND seq <= {last}{left})"));
            let _ = write!(count, " WHEN {stripe} THEN {rows}");
        }
        let delete = format!("DELETE FROM cache_outbox WHERE {}", which.join(" OR "));
        let update = format!(
            "UPDATE cache_outbox_claims SET removed = removed + CASE stripe{count} END WHERE stripe \
             IN ({})",
            list(taken.stripes.keys())
        );
        for sql in [delete, update] {
            session.load(Load::<_, String>::run(sql)).await?;
        }
        Ok(())
    }

    /// Moves all writes of a row to where the parked ones are. Its stripe is claimed.
    pub(crate) async fn park(
        &self,
        session: &mut Session<D>,
        aggregate: &str,
        error: &str,
    ) -> Result<()> {
        let stripe = self.stripe(aggregate);
        // Whoever enqueues meanwhile would not see that the row is parked.
        self.lock(session, &BTreeSet::from([stripe]), true).await?;
        let here = format!("stripe = {stripe} AND aggregate = '{aggregate}'");
        let copy = "INSERT INTO cache_parked (stripe, seq, aggregate, kind, payload, version, at_ms, \
                    error, attempts) SELECT stripe, seq, aggregate, kind, payload, version, at_ms, ";
        let rest = format!(", 1 FROM cache_outbox WHERE {here}");
        let cast = match <D::Backend as Dialect>::CAST_INTEGER {
            // A bind by itself has no type there.
            "BIGINT" => ("CAST(", " AS TEXT)"),
            _ => ("", ""),
        };
        let error: String = error.chars().take(1000).collect();
        let copy = Load::<_, String>::run_with(
            format!("{copy}{}", cast.0),
            error,
            format!("{}{rest}", cast.1),
        );
        session.load(copy).await?;
        for sql in [
            format!(
                "UPDATE cache_outbox_claims SET removed = removed + (SELECT count(*) FROM \
                 cache_outbox WHERE {here}) WHERE stripe = {stripe}"
            ),
            format!("DELETE FROM cache_outbox WHERE {here}"),
            format!("UPDATE cache_outbox_stripes SET parked = parked + 1 WHERE stripe = {stripe}"),
        ] {
            session.load(Load::<_, String>::run(sql)).await?;
        }
        Ok(())
    }
}

/// How a SELECT locks its rows, and whether it passes over those that others have locked.
fn locks<D: Database>(wait: bool) -> (&'static str, &'static str) {
    let pass = if wait { "" } else { <D::Backend as Dialect>::PASS_LOCKED };
    (<D::Backend as Dialect>::LOCK_ROWS, pass)
}

fn list<'a>(numbers: impl IntoIterator<Item = &'a i64>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(i64::to_string).collect();
    numbers.join(", ")
}

/// Hexadecimal needs no escapes.
pub(super) fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
}

fn foreign() -> Error {
    Error::new(
        ErrorKind::Database,
        "a row of the outbox was not written by this library; look at `cache_outbox_stripes`",
    )
}
