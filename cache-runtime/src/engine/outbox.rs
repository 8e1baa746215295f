//! The outbox of invalidations: what bounded writes have changed, in rows that commit with them.
//!
//! The tables are those of `migrations/`. Everything in the statements is a number or hexadecimal,
//! so that they need no binds, and are the same on every database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use diesel::deserialize;
use diesel::row::Row;

use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::load::Load;
use crate::ports::model::FromRow;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::guard::Guard;
use crate::values::key::{EntryKey, KeyWriter};
use crate::values::token::Token;

/// The longest scope that the tables take.
const LONGEST_SCOPE: usize = 512;
/// More bytes than this in one row, and all of the bucket is void instead.
const LONGEST_ENTRIES: usize = 64 * 1024;

/// What the changes of one table are filed under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope(String);

impl Scope {
    /// Of the table that this key is in.
    pub(crate) fn of(key: &EntryKey) -> Option<Self> {
        key.table().filter(|_| key.is_watermarked()).map(|table| Self(hex(table)))
    }

    /// The same, if the tables take it.
    pub(crate) fn checked(key: &EntryKey) -> Result<Option<Self>> {
        let scope = Self::of(key);
        match scope.as_ref().is_some_and(|scope| scope.0.len() > LONGEST_SCOPE) {
            true => Err(Error::new(
                ErrorKind::Configuration,
                "the namespace and the table's name are too long for a bounded model: at most 250 \
                 bytes together",
            )),
            false => Ok(scope),
        }
    }
}

/// The INSERT of what a transaction has changed: a row for each bucket. None where nothing that it
/// touches is bounded.
pub(crate) fn insert<'a>(touched: impl Iterator<Item = &'a EntryKey>) -> Option<String> {
    let mut rows: BTreeMap<(Scope, u32), Option<BTreeSet<&EntryKey>>> = BTreeMap::new();
    for key in touched {
        let Some(scope) = Scope::of(key) else { continue };
        if key.is_table() {
            rows.extend((0..EntryKey::BUCKETS).map(|bucket| ((scope.clone(), bucket), None)));
            continue;
        }
        let bucket = (scope, key.bucket(EntryKey::BUCKETS));
        if let Some(entries) = rows.entry(bucket).or_insert_with(|| Some(BTreeSet::new())) {
            entries.insert(key);
        }
    }
    if rows.is_empty() || !Guard::OutboxRow.stands() {
        return None;
    }
    let values = rows.into_iter().map(|((scope, bucket), entries)| {
        let entries = entries
            .map(|keys| keys.iter().map(|key| hex(key.as_bytes())).collect::<Vec<_>>().join(" "));
        let entries = match entries.filter(|entries| entries.len() <= LONGEST_ENTRIES) {
            Some(entries) => format!("'{entries}'"),
            None => "NULL".to_owned(),
        };
        format!("('{}', {bucket}, {entries})", scope.0)
    });
    let values = values.collect::<Vec<_>>().join(", ");
    Some(format!("INSERT INTO cache_invalidations (scope, bucket, entries) VALUES {values}"))
}

/// One row of what a relay reads: a bucket, and one of its changes if there are any.
pub(crate) struct Pending {
    pub(crate) bucket: u32,
    /// The name of its watermark, as the database remembers it; empty before the first.
    pub(crate) name: String,
    /// Whether the database is still the one that remembered it.
    pub(crate) same_database: bool,
    pub(crate) change: Option<Change>,
    /// The smallest bound that any process has declared.
    pub(crate) bound: Duration,
}

/// A row of the outbox.
pub(crate) struct Change {
    pub(crate) id: i64,
    /// The entries; without them all of the bucket.
    pub(crate) entries: Option<Vec<EntryKey>>,
}

/// The tables of one scope, as a relay uses them.
pub(crate) struct Outbox<D> {
    pub(crate) database: D,
    pub(crate) scope: Scope,
    /// The whole table's key.
    pub(crate) table: EntryKey,
}

impl<D: Database> Outbox<D> {
    /// Makes the rows that a relay needs, where they are missing.
    pub(crate) async fn prepare(&self, bound_millis: u128) -> Result<()> {
        let Scope(scope) = &self.scope;
        let leader = format!(
            "INSERT INTO cache_leaders (scope, holder, until_ms, bound_ms) SELECT '{scope}', '', 0, \
             {bound_millis} FROM (SELECT 1 AS one) AS one WHERE NOT EXISTS (SELECT 1 FROM \
             cache_leaders WHERE scope = '{scope}')"
        );
        let numbers: Vec<String> =
            (0..EntryKey::BUCKETS).map(|bucket| format!("SELECT {bucket} AS bucket")).collect();
        let buckets = format!(
            "INSERT INTO cache_watermarks (scope, bucket, name, identity) SELECT '{scope}', \
             numbers.bucket, '', '' FROM ({}) AS numbers WHERE NOT EXISTS (SELECT 1 FROM \
             cache_watermarks w WHERE w.scope = '{scope}' AND w.bucket = numbers.bucket)",
            numbers.join(" UNION ALL ")
        );
        for sql in [leader, buckets] {
            // Another process may insert them at the same moment.
            let _ = self.run(sql).await;
        }
        self.run(format!(
            "UPDATE cache_leaders SET bound_ms = {bound_millis} WHERE scope = '{scope}' AND \
             bound_ms > {bound_millis}"
        ))
        .await
    }

    /// Whether this holder leads, for this long from now unless it asks again.
    pub(crate) async fn lead(&self, holder: Token, millis: u128) -> Result<bool> {
        let Scope(scope) = &self.scope;
        let now = <D::Backend as Dialect>::NOW_MILLIS;
        let free = format!("(holder = '{holder}' OR until_ms < {now})");
        let may: Vec<String> = self
            .database
            .load(Load::rows(format!(
                "SELECT holder FROM cache_leaders WHERE scope = '{scope}' AND {free}"
            )))
            .await?;
        if may.is_empty() {
            return Ok(false);
        }
        self.run(format!(
            "UPDATE cache_leaders SET holder = '{holder}', until_ms = {now} + {millis} WHERE scope \
             = '{scope}' AND {free}"
        ))
        .await?;
        let holds = format!(
            "SELECT holder FROM cache_leaders WHERE scope = '{scope}' AND holder = '{holder}'"
        );
        let holds: Vec<String> = self.database.load(Load::rows(holds)).await?;
        Ok(!holds.is_empty())
    }

    /// Leads no more.
    pub(crate) async fn resign(&self, holder: Token) -> Result<()> {
        let Scope(scope) = &self.scope;
        self.run(format!(
            "UPDATE cache_leaders SET until_ms = 0 WHERE scope = '{scope}' AND holder = '{holder}'"
        ))
        .await
    }

    /// Every bucket, the name of its watermark and all its changes, in one statement and so one
    /// snapshot: a name that was read before the changes would vouch for some that another relay has
    /// applied to a store that has since failed over (anomaly 47). `past` is the last change that was
    /// seen, for nothing but to show what becomes of one who relies on it.
    pub(crate) async fn snapshot(&self, past: i64) -> Result<Vec<Pending>> {
        let Scope(scope) = &self.scope;
        // Anomaly 25: a change with a smaller number may commit after one with a greater.
        let past =
            if Guard::OutboxAll.stands() { String::new() } else { format!(" AND i.id > {past}") };
        let identity = <D::Backend as Dialect>::IDENTITY;
        let integer = <D::Backend as Dialect>::CAST_INTEGER;
        let sql = format!(
            "SELECT w.bucket, w.name, CAST(CASE WHEN w.identity = {identity} THEN 1 ELSE 0 END AS \
             {integer}), i.id, i.entries, l.bound_ms FROM cache_watermarks w JOIN cache_leaders l ON \
             l.scope = w.scope LEFT JOIN cache_invalidations i ON i.scope = \
             w.scope AND i.bucket = w.bucket{past} WHERE w.scope = '{scope}' ORDER BY w.bucket, i.id"
        );
        let table = self.table.clone();
        let rows: Vec<Read> = self.database.load(Load::rows(sql)).await?;
        rows.into_iter().map(|row| row.pending(&table)).collect()
    }

    /// Remembers the names of the watermarks that were set, each only if the one before is still
    /// remembered, and deletes the changes that they cover.
    pub(crate) async fn settle(&self, turned: &[Turned]) -> Result<()> {
        let Scope(scope) = &self.scope;
        let (mut names, mut seen) = (String::new(), Vec::new());
        for Turned { bucket, before, name, .. } in turned {
            let _ = write!(names, " WHEN {bucket} THEN '{name}'");
            seen.push(format!("(bucket = {bucket} AND name = '{before}')"));
        }
        let identity = <D::Backend as Dialect>::IDENTITY;
        let update = format!(
            "UPDATE cache_watermarks SET name = CASE bucket{names} END, identity = {identity} WHERE \
             scope = '{scope}' AND ({})",
            seen.join(" OR ")
        );
        let mut transaction = self.database.begin().await?;
        let _: Vec<String> = transaction.load(Load::run(update)).await?;
        let now = format!("SELECT name FROM cache_watermarks WHERE scope = '{scope}'");
        let now: Vec<String> = transaction.load(Load::rows(now)).await?;
        let ids: Vec<String> = turned
            .iter()
            .filter(|turned| now.contains(&turned.name.to_string()))
            .flat_map(|turned| turned.changes.iter().map(i64::to_string))
            .collect();
        for some in ids.chunks(1000) {
            let delete =
                format!("DELETE FROM cache_invalidations WHERE id IN ({})", some.join(", "));
            let _: Vec<String> = transaction.load(Load::run(delete)).await?;
        }
        transaction.commit().await
    }

    async fn run(&self, sql: String) -> Result<()> {
        write(&self.database, sql).await
    }
}

/// A watermark that was set.
pub(crate) struct Turned {
    pub(crate) bucket: u32,
    /// The name that was remembered.
    pub(crate) before: String,
    pub(crate) name: Token,
    /// The changes that it covers.
    pub(crate) changes: Vec<i64>,
}

/// Leaves a row in the outbox for what was changed past the repositories.
pub(crate) async fn owe<D: Database>(database: &D, keys: &[EntryKey]) -> Result<()> {
    match insert(keys.iter()) {
        Some(sql) => write(database, sql).await,
        None => Ok(()),
    }
}

/// A statement that writes, in a transaction of its own: on SQLite it has to wait for the others.
async fn write<D: Database>(database: &D, sql: String) -> Result<()> {
    let mut transaction = database.begin().await?;
    let _: Vec<String> = transaction.load(Load::run(sql)).await?;
    transaction.commit().await
}

/// Fails, saying what to do, unless the tables are there.
pub(crate) async fn check<D: Database>(database: &D, model: &str) -> Result<()> {
    let tables = "SELECT i.entries FROM cache_invalidations i, cache_watermarks w, cache_leaders l \
                  WHERE i.scope = w.scope AND w.scope = l.scope AND 1 = 0";
    database.load(Load::<_, String>::rows(tables)).await.map(drop).map_err(|source| {
        Error::new(
            ErrorKind::Configuration,
            format!(
                "`{model}` is bounded, but the database has no outbox for invalidations; `cache-ctl \
                 migrations export` writes its migration (also in `cache_runtime::migrations`)"
            ),
        )
        .with_source(source)
    })
}

/// A row of the snapshot, as the database gives it.
struct Read {
    bucket: i64,
    name: String,
    same_database: bool,
    id: Option<i64>,
    entries: Option<String>,
    bound_millis: u64,
}

impl<DB: Dialect> FromRow<DB> for Read {
    fn from_row<'a>(row: &impl Row<'a, DB>) -> deserialize::Result<Self> {
        Ok(Self {
            bucket: DB::integer(row, 0)?.unwrap_or_default(),
            name: DB::text(row, 1)?.unwrap_or_default(),
            same_database: DB::integer(row, 2)? == Some(1),
            id: DB::integer(row, 3)?,
            entries: DB::text(row, 4)?,
            bound_millis: DB::integer(row, 5)?.unwrap_or_default().try_into()?,
        })
    }
}

impl Read {
    fn pending(self, table: &EntryKey) -> Result<Pending> {
        let change = match self.id {
            None => None,
            Some(id) => {
                let entries = self.entries.as_deref().map(|hex| entries(hex, table)).transpose()?;
                Some(Change { id, entries })
            }
        };
        Ok(Pending {
            bucket: u32::try_from(self.bucket).map_err(|_| foreign())?,
            name: self.name,
            same_database: self.same_database,
            change,
            bound: Duration::from_millis(self.bound_millis),
        })
    }
}

fn entries(hex: &str, table: &EntryKey) -> Result<Vec<EntryKey>> {
    let length = table.as_bytes().len();
    let key = |hex: &str| {
        let bytes = unhex(hex).filter(|bytes| bytes.starts_with(table.as_bytes()))?;
        Some(EntryKey::in_table(KeyWriter::after(&bytes), length).under_watermark())
    };
    hex.split(' ').map(|hex| key(hex).ok_or_else(foreign)).collect()
}

fn foreign() -> Error {
    Error::new(
        ErrorKind::Database,
        "a row of the outbox for invalidations was not written by this library; look at \
         `cache_invalidations` and `cache_watermarks`",
    )
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

pub(super) fn unhex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
