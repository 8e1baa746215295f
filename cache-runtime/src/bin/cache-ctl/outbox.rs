//! `cache-ctl outbox`: how the outboxes stand, and what becomes of parked writes.

use std::time::{Duration, SystemTime};

use cache_runtime::{Database, Fate, OutboxControl, ParkedRow};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::say;

#[path = "replay.rs"]
mod replay;

#[derive(Subcommand)]
pub(crate) enum Outbox {
    /// Tells of each model how much is pending and parked, and how old the oldest is.
    Status {
        #[command(flatten)]
        place: Place,
    },
    /// Lists the rows with parked writes.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        which: Which,
        /// Shows what the writes say, which may be anybody's data.
        #[arg(long)]
        payloads: bool,
    },
    /// Shows the writes of one row, pending and parked, in their order.
    Show {
        #[command(flatten)]
        place: Place,
        /// Its table.
        #[arg(long)]
        table: String,
        /// Its key, as `list` shows it.
        #[arg(long)]
        key: String,
        /// Shows what the writes say, which may be anybody's data.
        #[arg(long)]
        payloads: bool,
    },
    /// Retries the rows one after the other, and waits for what becomes of each.
    Replay {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
        /// For how long each row is waited for, in seconds.
        #[arg(long, default_value_t = 30)]
        wait: u64,
    },
    /// Makes parked writes pending again; the applications' flushers try them once more.
    Retry {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
    },
    /// Removes the first parked write of each row for good, and makes the others pending again.
    Skip {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
    },
    /// Removes parked writes for good.
    Discard {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Args)]
pub(crate) struct Place {
    /// The database: `postgres://..`, `mysql://..`, or the path of a SQLite file.
    #[arg(long, env = "DATABASE_URL")]
    database: String,
    /// One line of JSON for each thing told.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Which {
    /// Only of this table.
    #[arg(long)]
    table: Option<String>,
    /// Only of the row with this key, as `list` shows it.
    #[arg(long)]
    key: Option<String>,
    /// Only where the error contains this.
    #[arg(long)]
    error: Option<String>,
    /// Only what was acknowledged longer ago than this, in seconds.
    #[arg(long)]
    older_than: Option<u64>,
}

#[derive(Args)]
pub(crate) struct How {
    /// Tells what would be done, and does nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Which {
    fn meets(&self, row: &ParkedRow) -> bool {
        let age = || {
            let since = u64::try_from(row.since_millis).unwrap_or_default();
            let since = SystemTime::UNIX_EPOCH + Duration::from_millis(since);
            SystemTime::now().duration_since(since).unwrap_or_default()
        };
        self.table.as_ref().is_none_or(|table| *table == row.table)
            && self.key.as_ref().is_none_or(|key| *key == row.key)
            && self.error.as_ref().is_none_or(|error| row.error.contains(error))
            && self.older_than.is_none_or(|seconds| age().as_secs() > seconds)
    }
}

impl Outbox {
    pub(crate) fn run(self) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(self.on_its_database())
    }

    fn place(&self) -> &Place {
        match self {
            Self::Status { place }
            | Self::List { place, .. }
            | Self::Show { place, .. }
            | Self::Replay { place, .. }
            | Self::Retry { place, .. }
            | Self::Skip { place, .. }
            | Self::Discard { place, .. } => place,
        }
    }

    async fn on_its_database(self) -> Result<(), String> {
        let url = self.place().database.clone();
        match url.split_once("://").map(|(scheme, _)| scheme) {
            #[cfg(feature = "ctl-postgres")]
            Some("postgres" | "postgresql") => {
                let pool = pool::<diesel::PgConnection>(&url)?;
                self.with(OutboxControl::new(pool)).await
            }
            #[cfg(feature = "ctl-mysql")]
            Some("mysql") => {
                let pool = pool::<diesel::MysqlConnection>(&url)?;
                self.with(OutboxControl::new(pool)).await
            }
            #[cfg(feature = "sqlite")]
            None if std::path::Path::new(&url).exists() => {
                let pool = pool::<diesel::SqliteConnection>(&url)?;
                self.with(OutboxControl::new(pool)).await
            }
            None => Err(format!("there is no file {url}, or this build does not know SQLite")),
            Some(scheme) => Err(format!(
                "this build knows no databases of `{scheme}://`; they come with the features \
                 `ctl-postgres` and `ctl-mysql`"
            )),
        }
    }

    async fn with<D: Database>(self, outboxes: OutboxControl<D>) -> Result<(), String> {
        match self {
            Self::Status { place } => status(&outboxes, place.json).await,
            Self::List { place, which, payloads } => {
                for row in rows(&outboxes, &which).await? {
                    tell(&row, place.json, payloads, "parked")?;
                }
                Ok(())
            }
            Self::Show { place, table, key, payloads } => {
                show(&outboxes, &place, &table, &key, payloads).await
            }
            Self::Replay { place, which, how, wait } => {
                replay::run(&outboxes, &place, &which, &how, Duration::from_secs(wait)).await
            }
            Self::Retry { place, which, how } => {
                decide(&outboxes, Fate::Retry, "retried", &place, &which, &how).await
            }
            Self::Skip { place, which, how } => {
                decide(&outboxes, Fate::Skip, "skipped", &place, &which, &how).await
            }
            Self::Discard { place, which, how } => {
                decide(&outboxes, Fate::Discard, "discarded", &place, &which, &how).await
            }
        }
    }
}

fn pool<C: diesel::r2d2::R2D2Connection + 'static>(
    url: &str,
) -> Result<diesel::r2d2::Pool<diesel::r2d2::ConnectionManager<C>>, String> {
    let manager = diesel::r2d2::ConnectionManager::<C>::new(url);
    diesel::r2d2::Pool::builder().max_size(1).build(manager).map_err(|error| error.to_string())
}

async fn status<D: Database>(outboxes: &OutboxControl<D>, as_json: bool) -> Result<(), String> {
    for it in outboxes.status().await.map_err(|error| error.to_string())? {
        let (writes, rows) = it.parked;
        say(&match as_json {
            true => json!({
                "table": it.table, "pending": it.pending, "oldest_millis": it.oldest_millis,
                "parked_writes": writes, "parked_rows": rows,
            })
            .to_string(),
            false => format!(
                "{}: {} pending, the oldest for {:.1} s; {writes} parked, of {rows} rows",
                it.table,
                it.pending,
                Duration::from_millis(it.oldest_millis).as_secs_f64()
            ),
        })?;
    }
    Ok(())
}

async fn show<D: Database>(
    outboxes: &OutboxControl<D>,
    place: &Place,
    table: &str,
    key: &str,
    payloads: bool,
) -> Result<(), String> {
    for it in outboxes.writes(table, key).await.map_err(|error| error.to_string())? {
        let (stripe, seq) = it.id;
        let shown = payloads.then_some(&it.payload);
        let state = it.parked.as_deref().map_or("pending", |_| "parked");
        if place.json {
            say(&json!({
                "table": table, "key": key, "stripe": stripe, "seq": seq, "kind": it.kind,
                "at_millis": it.at_millis, "version": it.version, "state": state,
                "error": it.parked, "payload": shown,
            })
            .to_string())?;
            continue;
        }
        let error = it.parked.map_or_else(String::new, |error| format!(": {error}"));
        say(&format!("{table} {key} {stripe}/{seq}: {}, {state}{error}", it.kind))?;
        shown.map_or(Ok(()), |payload| say(&format!("  {payload}")))?;
    }
    Ok(())
}

async fn rows<D: Database>(
    outboxes: &OutboxControl<D>,
    which: &Which,
) -> Result<Vec<ParkedRow>, String> {
    let rows = outboxes.parked().await.map_err(|error| error.to_string())?;
    Ok(rows.into_iter().filter(|row| which.meets(row)).collect())
}

async fn decide<D: Database>(
    outboxes: &OutboxControl<D>,
    fate: Fate,
    done: &str,
    place: &Place,
    which: &Which,
    how: &How,
) -> Result<(), String> {
    for row in rows(outboxes, which).await? {
        let told = match how.dry_run {
            true => format!("would be {done}"),
            false => match outboxes.decide(&row, fate).await {
                Ok(true) => done.to_owned(),
                Ok(false) => "changed meanwhile, left".to_owned(),
                Err(error) => return Err(error.to_string()),
            },
        };
        tell(&row, place.json, false, &told)?;
    }
    Ok(())
}

fn tell(row: &ParkedRow, as_json: bool, payloads: bool, what: &str) -> Result<(), String> {
    let ParkedRow { table, key, error, since_millis, .. } = row;
    let writes = row.payloads.len();
    if as_json {
        let mut line = json!({
            "table": table, "key": key, "writes": writes, "error": error,
            "since_millis": since_millis, "state": what,
        });
        if payloads {
            line["payloads"] = json!(row.payloads);
        }
        return say(&line.to_string());
    }
    say(&format!("{table} {key}: {what}, {writes} writes: {error}"))?;
    let shown = if payloads { &row.payloads[..] } else { &[] };
    shown.iter().try_for_each(|payload| say(&format!("  {payload}")))
}
