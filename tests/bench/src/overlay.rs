//! What a miss costs while much is pending, against one while nothing is.

use std::time::Instant;

use crate::Fault;
use crate::arena::{Arena, same};
use crate::keys::{Spread, keys};
use crate::load::run;
use crate::options::Options;
use crate::report::Sample;
use crate::rounds::{Who, turns};
use crate::servers::{Kept, Server, Setting};

/// How many misses are timed at once, one after the other.
const BLOCK: i64 = 200;

/// Microseconds a miss. In one database as many writes are made pending as the table has rows, in the
/// other none are.
pub(crate) async fn rounds(options: &Options) -> Result<Vec<Sample>, Fault> {
    let scale = options.scale();
    let rows = i64::try_from(scale.pending)?;
    let setting = Setting::new(Server::Postgres, Kept::InProcess, rows);
    let (full, empty) = (Arena::open(&setting).await?, Arena::open(&setting).await?);
    let outcome = between(&full, &empty, options).await;
    full.close().await?;
    empty.close().await?;
    outcome
}

async fn between(full: &Arena, empty: &Arena, options: &Options) -> Result<Vec<Sample>, Fault> {
    let scale = options.scale();
    let value = full.value();
    let keys = keys(Spread::Uniform, full.rows, scale.pending, 17);
    run(&full.behind, &keys, 256, value).await?;
    for arena in [full, empty] {
        arena.sql.batch("VACUUM ANALYZE").await?;
    }
    same("writes pending", full.queued().await?, i64::try_from(keys.len())?)?;
    same("writes pending", empty.queued().await?, 0)?;
    let written: std::collections::HashSet<i64> = keys.iter().copied().collect();
    let mut samples = Vec::new();
    // What a miss asks the database for: the store has what was put. Those of the first round are not
    // told, as in it the connections prepare their statements.
    for round in 0..=scale.rounds * 4 {
        let first = 1 + i64::try_from(round)? * BLOCK;
        let done = turns(round, async |who| {
            let reads = if who == Who::Peer { &empty.behind } else { &full.behind };
            let begun = Instant::now();
            let mut seen = Vec::new();
            for id in first..first + BLOCK {
                seen.push((id, reads.find(id).await?));
            }
            let took = begun.elapsed().as_secs_f64() * 1e6;
            for (id, found) in seen {
                let pending = who == Who::Ours && written.contains(&id);
                let expected = if pending { value } else { 0 };
                same("is what a miss found", found.unwrap_or(-1), expected)?;
            }
            #[allow(clippy::cast_precision_loss, reason = "it is a small number")]
            Ok(took / BLOCK as f64)
        })
        .await?;
        if round > 0 {
            samples.push(Sample { first: done.first, peer: done.peer, ours: done.ours });
        }
    }
    Ok(samples)
}
