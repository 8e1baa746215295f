//! The registry of live processes and of the kinds of entries that they know, in the tables of the
//! migration `cache_contracts`. What each step is for is in `docs/CONTRACT_SKEW.md`.
//!
//! Everything in the statements is a number, hexadecimal, or a label without quotes and backslashes, so
//! that they need no binds, and are the same on every database.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use diesel::deserialize;
use diesel::row::Row;

use super::view::Kind;
use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::load::{Load, Version};
use crate::ports::model::FromRow;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::token::Token;

/// The longest label that the tables take.
const LONGEST_LABEL: usize = 700;

/// The registry, as one process uses it.
pub(crate) struct Registry<D> {
    pub(crate) database: D,
    /// What a person calls the process.
    pub(crate) program: String,
    /// The tables that it writes.
    pub(crate) writes: Vec<String>,
    pub(crate) lease: Duration,
}

/// What a process is told when it registers.
pub(crate) struct Joined {
    pub(crate) version: u64,
    /// By which others must have seen what it has withdrawn.
    pub(crate) wait_for: u64,
}

/// The registry at one moment.
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(crate) processes: Vec<Live>,
    pub(crate) kinds: Vec<Offer>,
}

/// A live process.
pub(crate) struct Live {
    pub(crate) id: String,
    pub(crate) seen: u64,
    /// Whether its lease is over.
    pub(crate) over: bool,
}

/// How a kind stands.
pub(crate) struct Offer {
    pub(crate) id: u128,
    pub(crate) generation: u64,
    pub(crate) since: u64,
    /// At which version; 0 if it is offered.
    pub(crate) withdrawn: u64,
}

impl<D: Database> Registry<D> {
    /// Fails, saying what to do, unless the tables are there.
    pub(crate) async fn check(&self) -> Result<()> {
        let tables = "SELECT k.label FROM cache_registry r, cache_processes p, cache_leases l, \
                      cache_kinds k WHERE r.id = 1 AND l.process = p.id AND k.id = p.id AND 1 = 0";
        self.database.load(Load::<_, String>::rows(tables)).await.map(drop).map_err(|source| {
            Error::new(
                ErrorKind::Configuration,
                "contracts are to be registered, but the database has no tables for them; \
                 `cache-ctl migrations export` writes their migration (also in \
                 `cache_runtime::migrations`)",
            )
            .with_source(source)
        })
    }

    /// Registers a process with its kinds, and withdraws those that it does not know and whose
    /// tables it writes.
    pub(crate) async fn join(&self, process: Token, kinds: &[Kind]) -> Result<Joined> {
        let mut transaction = self.database.begin().await?;
        lock(&mut transaction).await?;
        let processes: Vec<Process> = transaction.load(Load::rows(PROCESSES)).await?;
        let known: Vec<Known> = transaction.load(Load::rows(KINDS)).await?;
        let next = step(&mut transaction).await?;
        let mut wait_for = 0;
        for theirs in &known {
            let own = kinds.iter().any(|kind| kind.id == theirs.offer.id);
            if own || !meets(&theirs.concerns, &self.writes) || !Guard::AllKnow.stands() {
                continue;
            }
            let mut withdrawn = theirs.offer.withdrawn;
            if withdrawn == 0 {
                withdrawn = next;
                let id = theirs.offer.id;
                let sql =
                    format!("UPDATE cache_kinds SET withdrawn = {next} WHERE id = '{id:032x}'");
                run(&mut transaction, sql).await?;
            }
            wait_for = withdrawn.max(wait_for);
        }
        let is_new = |kind: &&Kind| known.iter().all(|theirs| theirs.offer.id != kind.id);
        for kind in kinds.iter().filter(is_new) {
            // The first of its name is named as where nothing is registered, so that entries
            // stay when contracts are first registered. Another one shares none.
            let label = label(&kind.label);
            let first = !known.iter().any(|theirs| theirs.label == label);
            let generation = if first || !Guard::NewGeneration.stands() { 0 } else { next };
            let unknown = processes.iter().any(|it| meets(&it.writes, &kind.concerns));
            let withdrawn = if unknown && Guard::AllKnow.stands() { next } else { 0 };
            let sql = format!(
                "INSERT INTO cache_kinds (id, label, concerns, generation, since, withdrawn) VALUES \
                 ('{:032x}', '{label}', '{}', {generation}, {next}, {withdrawn})",
                kind.id,
                list(&kind.concerns)
            );
            run(&mut transaction, sql).await?;
        }
        let knows: Vec<String> = kinds.iter().map(|kind| format!("{:032x}", kind.id)).collect();
        let process_row = format!(
            "INSERT INTO cache_processes (id, program, knows, writes) VALUES ('{process}', '{}', \
             '{}', '{}')",
            label(&self.program),
            knows.join(" "),
            list(&self.writes)
        );
        run(&mut transaction, process_row).await?;
        let lease = format!(
            "INSERT INTO cache_leases (process, until_ms, seen) VALUES ('{process}', {}, {next})",
            self.until()
        );
        run(&mut transaction, lease).await?;
        transaction.commit().await?;
        Ok(Joined { version: next, wait_for })
    }

    /// Whether all other live processes have seen this version.
    pub(crate) async fn is_seen(&self, process: Token, version: u64) -> Result<bool> {
        let sql = format!(
            "SELECT process FROM cache_leases WHERE process <> '{process}' AND seen < {version}"
        );
        Ok(self.database.load(Load::<_, String>::rows(sql)).await?.is_empty())
    }

    /// Renews the lease, says what the process has seen, and reads how things are; none if it is
    /// registered no more.
    pub(crate) async fn beat(&self, process: Token, seen: u64) -> Result<Option<Snapshot>> {
        let (now, integer) =
            (<D::Backend as Dialect>::NOW_MILLIS, <D::Backend as Dialect>::CAST_INTEGER);
        let mut transaction = self.database.begin().await?;
        let own = format!(
            "SELECT id FROM cache_processes WHERE id = '{process}'{}",
            <D::Backend as Dialect>::SHARE_ROWS
        );
        let own: Vec<String> = transaction.load(Load::rows(own)).await?;
        if own.is_empty() {
            transaction.rollback().await?;
            return Ok(None);
        }
        let lease = format!(
            "UPDATE cache_leases SET until_ms = {}, seen = {seen} WHERE process = '{process}'",
            self.until()
        );
        run(&mut transaction, lease).await?;
        let sql = format!(
            "SELECT r.version, CAST(0 AS {integer}), k.id, k.generation, k.since, k.withdrawn FROM \
             cache_registry r, cache_kinds k WHERE r.id = 1 UNION ALL SELECT r.version, CAST(1 AS \
             {integer}), l.process, l.seen, CAST(CASE WHEN l.until_ms < {now} THEN 1 ELSE 0 END AS \
             {integer}), CAST(0 AS {integer}) FROM cache_registry r, cache_leases l WHERE r.id = 1"
        );
        let lines: Vec<Line> = transaction.load(Load::rows(sql)).await?;
        transaction.commit().await?;
        let mut snapshot = Snapshot { version: 0, processes: Vec::new(), kinds: Vec::new() };
        for line in lines {
            let Line { version, what, id, first, second, third } = line;
            snapshot.version = version;
            if what == 1 {
                snapshot.processes.push(Live { id, seen: first, over: second == 1 });
            } else {
                let (generation, since, withdrawn) = (first, second, third);
                snapshot.kinds.push(Offer { id: number(&id)?, generation, since, withdrawn });
            }
        }
        Ok(Some(snapshot))
    }

    /// Removes the processes whose lease is over, but those of which a transaction is under way.
    /// Says whether there were any.
    pub(crate) async fn reap(&self, own: Token) -> Result<bool> {
        let over = format!("until_ms < {}", <D::Backend as Dialect>::NOW_MILLIS);
        let over = if Guard::HeldRegistration.stands() { over } else { "1 = 1".to_owned() };
        let mut transaction = self.database.begin().await?;
        lock(&mut transaction).await?;
        let sql = format!("SELECT process FROM cache_leases WHERE process <> '{own}' AND {over}");
        let gone: Vec<String> = transaction.load(Load::rows(sql)).await?;
        let mut reaped = false;
        for process in gone {
            let id = number(&process)?;
            let (lock, pass) =
                (<D::Backend as Dialect>::LOCK_ROWS, <D::Backend as Dialect>::PASS_LOCKED);
            let sql = format!("SELECT id FROM cache_processes WHERE id = '{id:032x}'{lock}{pass}");
            let row: Vec<String> = transaction.load(Load::rows(sql)).await?;
            if row.is_empty() {
                continue;
            }
            // It may have renewed its lease since it was looked at, and cannot any more.
            let sql = format!("DELETE FROM cache_leases WHERE process = '{id:032x}' AND {over}");
            run(&mut transaction, sql).await?;
            let sql = format!("SELECT process FROM cache_leases WHERE process = '{id:032x}'");
            let left: Vec<String> = transaction.load(Load::rows(sql)).await?;
            if left.is_empty() {
                run(
                    &mut transaction,
                    format!("DELETE FROM cache_processes WHERE id = '{id:032x}'"),
                )
                .await?;
                tracing::warn!(process, "a process has not renewed its lease, and is live no more");
                reaped = true;
            }
        }
        transaction.commit().await?;
        Ok(reaped)
    }

    /// Offers those of these kinds that every live process knows which writes their tables, if
    /// all have seen that they are withdrawn. Says whether there were any.
    pub(crate) async fn offer(&self, kinds: &[Kind]) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        lock(&mut transaction).await?;
        let processes: Vec<Process> = transaction.load(Load::rows(PROCESSES)).await?;
        let known: Vec<Known> = transaction.load(Load::rows(KINDS)).await?;
        let ready: Vec<&Known> = known
            .iter()
            .filter(|kind| kinds.iter().any(|own| own.id == kind.offer.id))
            .filter(|kind| kind.offer.withdrawn > 0)
            .filter(|kind| {
                processes.iter().all(|it| {
                    it.seen >= kind.offer.withdrawn
                        && (it.knows.contains(&kind.offer.id) || !meets(&it.writes, &kind.concerns))
                })
            })
            .collect();
        if ready.is_empty() {
            transaction.rollback().await?;
            return Ok(false);
        }
        let next = step(&mut transaction).await?;
        for kind in ready {
            let generation =
                if Guard::NewGeneration.stands() { next } else { kind.offer.generation };
            let sql = format!(
                "UPDATE cache_kinds SET generation = {generation}, since = {next}, withdrawn = 0 \
                 WHERE id = '{:032x}'",
                kind.offer.id
            );
            run(&mut transaction, sql).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Says goodbye. Waits for the process's own transactions.
    pub(crate) async fn leave(&self, process: Token) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let sql = format!("DELETE FROM cache_processes WHERE id = '{process}'");
        run(&mut transaction, sql).await?;
        let sql = format!("DELETE FROM cache_leases WHERE process = '{process}'");
        run(&mut transaction, sql).await?;
        transaction.commit().await
    }

    fn until(&self) -> String {
        format!("{} + {}", <D::Backend as Dialect>::NOW_MILLIS, self.lease.as_millis())
    }
}

const PROCESSES: &str = "SELECT p.knows, p.writes, l.seen FROM cache_processes p JOIN cache_leases l ON l.process = \
     p.id";
const KINDS: &str = "SELECT id, label, concerns, generation, since, withdrawn FROM cache_kinds";

/// Keeps everybody else from changing which kinds and processes there are.
async fn lock<T: Transaction>(transaction: &mut T) -> Result<()> {
    let lock = <T::Backend as Dialect>::LOCK_ROWS;
    let sql = format!("SELECT version FROM cache_registry WHERE id = 1{lock}");
    let version: Vec<Version> = transaction.load(Load::rows(sql)).await?;
    version.first().map(drop).ok_or_else(foreign)
}

/// The next version. It is not behind the time, so that none comes again after a restore.
async fn step<T: Transaction>(transaction: &mut T) -> Result<u64> {
    let now = <T::Backend as Dialect>::NOW_MILLIS;
    let sql = format!(
        "UPDATE cache_registry SET version = CASE WHEN version < {now} THEN {now} ELSE version + 1 \
         END WHERE id = 1"
    );
    run(transaction, sql).await?;
    let sql = "SELECT version FROM cache_registry WHERE id = 1";
    let version: Vec<Version> = transaction.load(Load::rows(sql)).await?;
    version.first().and_then(|version| u64::try_from(version.0).ok()).ok_or_else(foreign)
}

async fn run<T: Transaction>(transaction: &mut T, sql: String) -> Result<()> {
    let _: Vec<String> = transaction.load(Load::run(sql)).await?;
    Ok(())
}

fn meets(one: &[String], other: &[String]) -> bool {
    one.iter().any(|table| other.contains(table))
}

/// Text that can stand in a literal on every database.
fn label(text: &str) -> String {
    let fit = |char: char| {
        if char.is_ascii_alphanumeric() || " _-.,:/#".contains(char) { char } else { '?' }
    };
    text.chars().map(fit).take(LONGEST_LABEL).collect()
}

fn list(tables: &[String]) -> String {
    let hex = |table: &String| {
        table.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    };
    tables.iter().map(hex).collect::<Vec<_>>().join(" ")
}

fn tables(list: &str) -> Result<Vec<String>> {
    let table = |hex: &str| {
        let pairs = hex.as_bytes().chunks_exact(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        String::from_utf8(pairs.map(byte).collect::<Option<Vec<u8>>>()?).ok()
    };
    list.split_whitespace().map(|hex| table(hex).ok_or_else(foreign)).collect()
}

fn number(hex: &str) -> Result<u128> {
    u128::from_str_radix(hex, 16).map_err(|_| foreign())
}

fn foreign() -> Error {
    Error::new(
        ErrorKind::Database,
        "a row of the registry of contracts was not written by this library; look at \
         `cache_registry`, `cache_processes` and `cache_kinds`",
    )
}

/// A registered process.
struct Process {
    knows: HashSet<u128>,
    writes: Vec<String>,
    seen: u64,
}

/// A registered kind.
struct Known {
    label: String,
    concerns: Vec<String>,
    offer: Offer,
}

/// A line of a snapshot, which is of a kind or of a process.
struct Line {
    version: u64,
    what: u64,
    id: String,
    first: u64,
    second: u64,
    third: u64,
}

fn integer<'a, DB: Dialect>(row: &impl Row<'a, DB>, column: usize) -> deserialize::Result<u64> {
    Ok(DB::integer(row, column)?.unwrap_or_default().try_into()?)
}

fn text<'a, DB: Dialect>(row: &impl Row<'a, DB>, column: usize) -> deserialize::Result<String> {
    Ok(DB::text(row, column)?.unwrap_or_default())
}

impl<DB: Dialect> FromRow<DB> for Process {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let knows = text(row, 0)?.split_whitespace().map(number).collect::<Result<_>>()?;
        Ok(Self { knows, writes: tables(&text(row, 1)?)?, seen: integer(row, 2)? })
    }
}

impl<DB: Dialect> FromRow<DB> for Known {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        let (generation, since) = (integer(row, 3)?, integer(row, 4)?);
        let (id, withdrawn) = (number(&text(row, 0)?)?, integer(row, 5)?);
        let offer = Offer { id, generation, since, withdrawn };
        Ok(Self { label: text(row, 1)?, concerns: tables(&text(row, 2)?)?, offer })
    }
}

impl<DB: Dialect> FromRow<DB> for Line {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        Ok(Self {
            version: integer(row, 0)?,
            what: integer(row, 1)?,
            id: text(row, 2)?,
            first: integer(row, 3)?,
            second: integer(row, 4)?,
            third: integer(row, 5)?,
        })
    }
}
