//! The tables of an outbox, as one model uses them. Each statement is here.
//!
//! A model has a number of *stripes*, and the writes of one row are all in the same. Who enqueues
//! locks a stripe's head, and takes numbers under the lock that it holds until it has committed: so
//! the numbers of a stripe are seen in their order, and without gaps that fill later (anomaly 25).

use std::collections::BTreeSet;

use super::flusher::Taken;
use crate::engine::outbox::hex;
use crate::engine::session::Session;
use crate::ports::batch::{Cells, Pending};
use crate::ports::bound::{Bound, rounded};
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::{KeyParts, KeyWriter};

/// How many stripes a model has. As many groups can be enqueued at the same moment.
pub(crate) const STRIPES: i64 = 32;
/// A stripe that no model has.
const NO_STRIPE: i64 = -1;
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
    /// A delta by a read: it makes no row, and no version.
    Touch = 3,
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
        // Whoever locks several does so in their order, so that no two wait for each other.
        let statement = Bound::default()
            .sql(format!("SELECT stripe, next_seq, parked, {}", self.pending_sql()))
            .sql(" FROM cache_outbox_stripes WHERE stripe IN ")
            .list(stripes.iter().copied())
            .sql(" ORDER BY stripe")
            .sql(lock)
            .sql(pass);
        let rows: Vec<Cells> = session.load(Load::rows_bound(statement)).await?;
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

    /// What is pending for these rows, in the outbox and parked, for a statement that reads the rows
    /// as well.
    pub(crate) fn overlay(&self, aggregates: &[String]) -> [Bound; 2] {
        let from = |table: &str, error: &str| {
            Bound::default()
                .sql(format!("{COLUMNS}, {error} FROM {table} WHERE aggregate IN "))
                .texts(aggregates.iter().cloned())
                .sql(format!(" AND {}", self.own("stripe")))
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
        let statement = Bound::default()
            .sql("SELECT stripe FROM cache_outbox_claims WHERE stripe IN ")
            .list(stripes.iter().copied())
            .sql(" ORDER BY stripe")
            .sql(lock)
            .sql(pass);
        let rows: Vec<Cells> = session.load(Load::rows_bound(statement)).await?;
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
        let mut statement = Bound::default();
        let stripes = rounded(stripes.iter().copied().collect(), Some(NO_STRIPE));
        for (index, stripe) in stripes.into_iter().enumerate() {
            statement = statement
                .sql(if index == 0 { "" } else { " UNION ALL " })
                .sql(format!(
                    "SELECT * FROM (SELECT {COLUMNS}, '' AS parked FROM cache_outbox WHERE stripe = "
                ))
                .number(stripe)
                .sql(format!(" ORDER BY seq LIMIT {most}) AS of_{index}"));
        }
        let mut rows: Vec<Pending> = session.load(Load::rows_bound(statement)).await?;
        rows.sort_by_key(|row| (self.stripe(&row.aggregate), row.seq));
        Ok(rows)
    }

    /// Removes what was taken: each stripe up to a number, so many writes.
    pub(crate) async fn remove(&self, session: &mut Session<D>, taken: &Taken) -> Result<()> {
        let parts = taken.stripes.iter().map(|(stripe, (last, rows))| (*stripe, *last, *rows));
        let parts = rounded(parts.collect(), Some((NO_STRIPE, 0, 0)));
        let mut delete = Bound::default().sql("DELETE FROM cache_outbox WHERE");
        let mut count =
            Bound::default().sql("UPDATE cache_outbox_claims SET removed = removed + CASE");
        for (index, (stripe, last, rows)) in parts.iter().enumerate() {
            let and = if index == 0 { " (stripe = " } else { " OR (stripe = " };
            delete = delete.sql(and).number(*stripe).sql(" AND seq <= ").number(*last);
            if let Some(left) = taken.left.get(stripe) {
                let left = left.iter().cloned();
                delete = delete.once().sql(" AND aggregate NOT IN ").texts(left);
            }
            delete = delete.sql(")");
            let rows = i64::try_from(*rows).unwrap_or(i64::MAX);
            count = count.sql(" WHEN stripe = ").number(*stripe).sql(" THEN ").number(rows);
        }
        let stripes = parts.iter().map(|(stripe, ..)| *stripe);
        let count = count.sql(" ELSE 0 END WHERE stripe IN ").list(stripes);
        let both = Load::<_, String>::run_bound(delete).then(Load::run_bound(count));
        session.load(both).await.map(drop)
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
        let copy = Bound::default()
            .sql(format!("{copy}{}", cast.0))
            .text(error)
            .sql(format!("{}{rest}", cast.1));
        session.load(Load::<_, String>::run_bound(copy)).await?;
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
