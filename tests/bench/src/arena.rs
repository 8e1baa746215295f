//! Both sides on tables that are alike, and the proof that they did the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::Fault;
use crate::behind::Queue;
use crate::load::Side;
use crate::models::COLUMNS;
use crate::servers::{Place, Server, Setting};
use crate::sql::Sql;

/// The longest that an outbox may take to become empty.
const PATIENCE: Duration = Duration::from_secs(900);

pub(crate) struct Arena {
    pub(crate) rows: i64,
    pub(crate) direct: Arc<dyn Side>,
    pub(crate) behind: Arc<dyn Queue>,
    pub(crate) sql: Arc<dyn Sql>,
    place: Place,
    /// What MariaDB was set to before.
    lazy: Option<i64>,
    value: AtomicI64,
}

impl Arena {
    /// Makes the tables, and opens both sides. Nothing is flushed.
    pub(crate) async fn open(setting: &Setting) -> Result<Self, Fault> {
        let server = setting.server;
        let place = server.place().await?;
        let sql = place.sql();
        for migration in server.migrations() {
            sql.batch(migration.up).await?;
        }
        let numbers = server.numbers(setting.rows);
        for table in ["direct_pages", "behind_pages"] {
            sql.batch(&format!(
                "CREATE TABLE {table} ({COLUMNS}); INSERT INTO {table} SELECT id, \
                 'a title that is as long as those which are written', 0, 0, NULL FROM {numbers}"
            ))
            .await?;
        }
        // As a server knows its tables after a while.
        for analyze in server.analyze() {
            sql.batch(analyze).await?;
        }
        let lazy = durable(server, &*sql).await?;
        let (direct, behind) = (place.direct()?, place.behind(setting).await?);
        behind.pause().await;
        let (rows, value) = (setting.rows, AtomicI64::new(0));
        Ok(Self { rows, direct, behind, sql, place, lazy, value })
    }

    /// The URL of its tables.
    pub(crate) fn url(&self) -> &str {
        &self.place.url
    }

    /// A value that no row has yet.
    pub(crate) fn value(&self) -> i64 {
        self.value.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Flushes all that is pending, and no more. Tells how long it took.
    pub(crate) async fn drain(&self) -> Result<Duration, Fault> {
        let begun = Instant::now();
        self.behind.resume();
        while self.behind.pending().await? > 0 {
            if begun.elapsed() > PATIENCE {
                return Err("the outbox does not become empty".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = begun.elapsed();
        self.behind.pause().await;
        Ok(took)
    }

    /// Fails unless both have written this value to exactly the rows with these keys, and their
    /// tables are the same, and nothing is left in the outbox or parked.
    pub(crate) async fn compare(&self, keys: &[i64], value: i64) -> Result<(), Fault> {
        let distinct: BTreeSet<i64> = keys.iter().copied().collect();
        let distinct = i64::try_from(distinct.len())?;
        for table in ["direct_pages", "behind_pages"] {
            let sql = format!("SELECT count(*) AS number FROM {table} WHERE views = {value}");
            same(&format!("rows of {table}"), self.sql.number(&sql).await?, distinct)?;
        }
        self.compare_all().await
    }

    /// Fails unless the tables are the same, and nothing is left in the outbox or parked.
    pub(crate) async fn compare_all(&self) -> Result<(), Fault> {
        let equal = self
            .sql
            .number(
                "SELECT count(*) AS number FROM direct_pages d JOIN behind_pages b ON b.id = d.id \
                 AND b.title = d.title AND b.views = d.views AND b.score = d.score AND \
                 coalesce(b.last_seen, 0) = coalesce(d.last_seen, 0)",
            )
            .await?;
        same("rows that both have alike", equal, self.rows)?;
        let left = "SELECT (SELECT count(*) FROM cache_outbox) + (SELECT count(*) FROM cache_parked) \
                    AS number";
        same("writes that are left", self.sql.number(left).await?, 0)
    }

    /// How many writes are in the outbox, counted there.
    pub(crate) async fn queued(&self) -> Result<i64, Fault> {
        self.sql.number("SELECT count(*) AS number FROM cache_outbox").await
    }

    /// Leaves the server as it was.
    pub(crate) async fn close(self) -> Result<(), Fault> {
        if let Some(before) = self.lazy {
            let set = format!("SET GLOBAL innodb_flush_log_at_trx_commit = {before}");
            self.sql.batch(&set).await?;
        }
        drop((self.direct, self.behind));
        self.place.remove().await
    }
}

/// Work that was not the same is no measurement.
pub(crate) fn same(what: &str, found: i64, expected: i64) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    Err(format!("unequal work: {found} {what}, and it should be {expected}").into())
}

/// The MariaDB of the tests is set to lose what a crash would take; here it may not. Tells what it
/// was set to before.
async fn durable(server: Server, sql: &dyn Sql) -> Result<Option<i64>, Fault> {
    if server != Server::Mariadb {
        return Ok(None);
    }
    let now = "SELECT CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS SIGNED) AS number";
    let before = sql.number(now).await?;
    sql.batch("SET GLOBAL innodb_flush_log_at_trx_commit = 1").await?;
    same("(the way in which MariaDB flushes its log)", sql.number(now).await?, 1)?;
    Ok(Some(before))
}
