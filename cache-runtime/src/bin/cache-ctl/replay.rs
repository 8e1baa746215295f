//! `cache-ctl outbox replay`: parked rows are retried one after the other, each until it is known what
//! becomes of it.

use std::time::{Duration, Instant};

use cache_runtime::{Database, Fate, OutboxControl, ParkedRow};
use serde_json::json;

use super::{How, Place, Which, rows, tell};
use crate::say;

/// How often it is looked what has become of a row.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Counts {
    flushed: usize,
    parked: usize,
    pending: usize,
    left: usize,
}

pub(super) async fn run<D: Database>(
    outboxes: &OutboxControl<D>,
    place: &Place,
    which: &Which,
    how: &How,
    wait: Duration,
) -> Result<(), String> {
    let all = rows(outboxes, which).await?;
    let mut counts = Counts::default();
    for (number, row) in all.iter().enumerate() {
        if how.dry_run {
            tell(row, place.json, false, "would be replayed")?;
            continue;
        }
        let became = one(outboxes, row, wait).await.map_err(|error| error.to_string())?;
        let count = match became {
            "flushed" => &mut counts.flushed,
            "parked again" => &mut counts.parked,
            "still pending" => &mut counts.pending,
            _ => &mut counts.left,
        };
        *count += 1;
        // Progress, apart from what a script reads.
        eprintln!("{} of {}", number + 1, all.len());
        tell(row, place.json, false, became)?;
    }
    let Counts { flushed, parked, pending, left } = counts;
    say(&match place.json {
        true => json!({
            "rows": all.len(), "flushed": flushed, "parked_again": parked,
            "still_pending": pending, "left": left,
        })
        .to_string(),
        false => format!(
            "{} rows: {flushed} flushed, {parked} parked again, {pending} still pending, {left} \
             changed meanwhile and left",
            all.len()
        ),
    })
}

/// Retries one row, and waits for what becomes of it.
async fn one<D: Database>(
    outboxes: &OutboxControl<D>,
    row: &ParkedRow,
    wait: Duration,
) -> cache_runtime::Result<&'static str> {
    let last = outboxes.writes(&row.table, &row.key).await?.last().map(|write| write.id);
    if !outboxes.decide(row, Fate::Retry).await? {
        return Ok("changed meanwhile, left");
    }
    let until = Instant::now() + wait;
    loop {
        let mut writes = outboxes.writes(&row.table, &row.key).await?;
        // What was enqueued since then is not waited for.
        writes.retain(|write| Some(write.id) <= last);
        if writes.is_empty() {
            return Ok("flushed");
        }
        if writes.iter().any(|write| write.parked.is_some()) {
            return Ok("parked again");
        }
        if Instant::now() >= until {
            return Ok("still pending");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
