//! Writers and the flusher at the same time, for as long as it takes to see that it goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Fault;
use crate::arena::{Arena, same};
use crate::keys::{Spread, keys};
use crate::load::{Progress, Side, run_until};
use crate::options::Options;
use crate::report::Sample;
use crate::rounds::Who;

/// As many writers as for the other figures.
const CALLERS: usize = 256;
/// What is done before it is measured: the outbox fills to where it stays.
const WARM: Duration = Duration::from_secs(2);
/// How often it is looked how much is pending.
const LOOK: Duration = Duration::from_millis(250);
/// How many keys there are, before they begin again.
const KEYS: usize = 1 << 20;
/// How much more may be pending in the second half than in the first.
const GROWTH: f64 = 1.1;

/// Writes in a second.
#[derive(Debug, Clone, Copy)]
struct Rates {
    acknowledged: f64,
    flushed: f64,
}

/// What was found: of acknowledged and of flushed writes.
pub(crate) struct Found {
    pub(crate) acknowledged: Vec<Sample>,
    pub(crate) flushed: Vec<Sample>,
}

/// Plain Diesel before and after each of ours, so that each of ours has two neighbours in time.
pub(crate) async fn rounds(
    arena: &Arena,
    spread: Spread,
    options: &Options,
) -> Result<Found, Fault> {
    let scale = options.scale();
    let keys = keys(spread, arena.rows, KEYS, 17);
    let mut found = Found { acknowledged: Vec::new(), flushed: Vec::new() };
    let mut before = one(arena, Who::Peer, &keys, scale.neighbour).await?;
    for _ in 0..scale.sustained.0 {
        let ours = one(arena, Who::Ours, &keys, scale.sustained.1).await?;
        let after = one(arena, Who::Peer, &keys, scale.neighbour).await?;
        for (first, peer) in [(Who::Peer, before), (Who::Ours, after)] {
            let sample = |ours| Sample { first, peer: peer.acknowledged, ours };
            found.acknowledged.push(sample(ours.acknowledged));
            found.flushed.push(sample(ours.flushed));
        }
        before = after;
    }
    Ok(found)
}

async fn one(arena: &Arena, who: Who, keys: &Arc<[i64]>, length: Duration) -> Result<Rates, Fault> {
    let value = arena.value();
    let (rates, begun, table) = match who {
        Who::Peer => {
            let (rates, begun) = measured(arena, who, &arena.direct, keys, value, length).await?;
            (rates, begun, "direct_pages")
        }
        Who::Ours => {
            let before = numbered(arena).await?;
            arena.behind.resume();
            let (rates, begun) = measured(arena, who, &arena.behind, keys, value, length).await?;
            arena.drain().await?;
            same("writes numbered in the outbox", numbered(arena).await? - before, begun)?;
            (rates, begun, "behind_pages")
        }
    };
    // All that was acknowledged is in the rows.
    let mut distinct: Vec<i64> = keys.iter().copied().take(usize::try_from(begun)?).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let sql = format!("SELECT count(*) AS number FROM {table} WHERE views = {value}");
    let what = format!("rows of {table}");
    same(&what, arena.sql.number(&sql).await?, i64::try_from(distinct.len())?)?;
    Ok(rates)
}

/// How many writes the outbox has ever taken.
async fn numbered(arena: &Arena) -> Result<i64, Fault> {
    let sql = "SELECT CAST(sum(next_seq) AS BIGINT) AS number FROM cache_outbox_stripes";
    arena.sql.number(sql).await
}

/// Also tells how many writes were begun in all, each of which was acknowledged.
async fn measured(
    arena: &Arena,
    who: Who,
    side: &Arc<impl Side + ?Sized + 'static>,
    keys: &Arc<[i64]>,
    value: i64,
    length: Duration,
) -> Result<(Rates, i64), Fault> {
    let progress = Progress::new(usize::MAX);
    let writers = {
        let (side, keys, progress) = (side.clone(), keys.clone(), progress.clone());
        tokio::spawn(async move { run_until(&side, &keys, CALLERS, value, &progress).await })
    };
    let watched = watch(arena, who, &progress, length).await;
    progress.stop();
    let ran = writers.await??;
    let begun = i64::try_from(progress.begun())?;
    same("writes acknowledged", i64::try_from(ran.latencies.len())?, begun)?;
    Ok((watched?, begun))
}

/// How it goes, after a while and for a while.
async fn watch(
    arena: &Arena,
    who: Who,
    progress: &Progress,
    length: Duration,
) -> Result<Rates, Fault> {
    let look = async || -> Result<(Instant, f64, f64), Fault> {
        let pending = match who {
            Who::Peer => 0,
            Who::Ours => arena.behind.pending().await?,
        };
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        Ok((Instant::now(), progress.begun() as f64, pending as f64))
    };
    tokio::time::sleep(WARM).await;
    let mut all = vec![look().await?];
    let ends = Instant::now() + length;
    while Instant::now() < ends {
        tokio::time::sleep(LOOK).await;
        all.push(look().await?);
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Err("nothing was looked at".into());
    };
    let took = (last.0 - first.0).as_secs_f64();
    let (begun, pending) = (last.1 - first.1, last.2 - first.2);
    let rates = Rates { acknowledged: begun / took, flushed: (begun - pending) / took };
    if who == Who::Ours {
        let (early, late) = all.split_at(all.len() / 2);
        let mean = |some: &[(Instant, f64, f64)]| {
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let count = some.len().max(1) as f64;
            some.iter().map(|it| it.2).sum::<f64>() / count
        };
        let (early, late) = (mean(early), mean(late));
        println!("      pending: {early:.0} in the first half, {late:.0} in the second");
        if late > early * GROWTH + 1000.0 {
            return Err(format!("the outbox grows, from {early:.0} writes to {late:.0}").into());
        }
    }
    Ok(rates)
}
