//! How fast an outbox becomes empty, against a queue whose writes are applied row by row.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::Fault;
use crate::arena::{Arena, same};
use crate::keys::{Spread, keys};
use crate::load::run;
use crate::models::{Direct, direct_pages};
use crate::options::{Options, Plant};
use crate::report::Sample;
use crate::rounds::{Who, turns};

/// How many writes the peer takes at once: as many as one transaction of the runtime's flusher
/// (eight stripes, 250 of each).
const BATCH: i64 = 2000;

diesel::table! {
    /// The peer's queue, with typed columns: it has no JSON to read.
    direct_queue (seq) {
        seq -> BigInt,
        id -> BigInt,
        value -> BigInt,
    }
}

const CREATE: &str =
    "CREATE TABLE direct_queue (seq BIGINT PRIMARY KEY, id BIGINT NOT NULL, value BIGINT NOT NULL)";

/// Writes flushed in a second.
pub(crate) async fn rounds(
    arena: &Arena,
    spread: Spread,
    options: &Options,
) -> Result<Vec<Sample>, Fault> {
    let scale = options.scale();
    arena.sql.batch(&format!("DROP TABLE IF EXISTS direct_queue; {CREATE}")).await?;
    let mut samples = Vec::new();
    for round in 0..scale.drains {
        let value = arena.value();
        let keys = keys(spread, arena.rows, scale.pending, u64::try_from(value)?);
        let done = turns(round, async |who| match who {
            Who::Peer => {
                fill(arena, &keys, value).await?;
                arena.sql.batch("VACUUM ANALYZE direct_queue").await?;
                if options.plant == Some(Plant::Unequal) {
                    arena.sql.batch("DELETE FROM direct_queue WHERE seq % 10 = 0").await?;
                }
                row_by_row(arena.url()).await
            }
            Who::Ours => {
                run(&arena.behind, &keys, 256, value).await?;
                same("writes in the outbox", arena.queued().await?, i64::try_from(keys.len())?)?;
                arena.sql.batch("VACUUM ANALYZE cache_outbox").await?;
                arena.drain().await
            }
        })
        .await?;
        arena.compare(&keys, value).await?;
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let rate = |took: Duration| keys.len() as f64 / took.as_secs_f64();
        let (peer, ours) = (rate(done.peer), rate(done.ours));
        samples.push(Sample { first: done.first, peer, ours });
    }
    Ok(samples)
}

async fn fill(arena: &Arena, keys: &Arc<[i64]>, value: i64) -> Result<(), Fault> {
    for (chunk, some) in keys.chunks(5000).enumerate() {
        let first = chunk * 5000;
        let rows: Vec<String> = some
            .iter()
            .enumerate()
            .map(|(at, id)| format!("({}, {id}, {value})", first + at))
            .collect();
        arena.sql.batch(&format!("INSERT INTO direct_queue VALUES {}", rows.join(", "))).await?;
    }
    let queued = arena.sql.number("SELECT count(*) AS number FROM direct_queue").await?;
    same("writes in the peer's queue", queued, i64::try_from(keys.len())?)
}

/// What most write by hand: a batch is taken, each of its writes is an UPDATE, and what was taken is
/// removed in the same transaction.
async fn row_by_row(url: &str) -> Result<Duration, Fault> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    let begun = Instant::now();
    loop {
        connection.batch_execute("BEGIN").await?;
        let taken: Vec<(i64, i64, i64)> =
            direct_queue::table.order(direct_queue::seq).limit(BATCH).load(&mut connection).await?;
        let Some((last, ..)) = taken.last().copied() else {
            connection.batch_execute("COMMIT").await?;
            return Ok(begun.elapsed());
        };
        for (_, id, value) in taken {
            let update = diesel::update(direct_pages::table.find(id)).set(Direct::new(id, value));
            let rows = update.execute(&mut connection).await?;
            same("row that an UPDATE changed", i64::try_from(rows)?, 1)?;
        }
        let remove = diesel::delete(direct_queue::table.filter(direct_queue::seq.le(last)));
        remove.execute(&mut connection).await?;
        connection.batch_execute("COMMIT").await?;
    }
}
