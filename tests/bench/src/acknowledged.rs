//! How fast writes are acknowledged, while nothing is flushed.

use std::sync::Arc;

use crate::Fault;
use crate::arena::{Arena, same};
use crate::keys::{Spread, keys};
use crate::load::{Ran, run};
use crate::options::{Options, Plant};
use crate::report::Sample;
use crate::rounds::{Round, Who, turns};

/// Both sides do the same writes, in turns, with so many callers.
pub(crate) async fn rounds(
    arena: &Arena,
    callers: usize,
    options: &Options,
) -> Result<Vec<Round<Ran>>, Fault> {
    let scale = options.scale();
    let count = scale.writes(callers);
    // So that each connection has prepared its statements.
    one_round(arena, callers, scale.writes(callers) / 4, options.plant, 1).await?;
    let mut all = Vec::with_capacity(scale.rounds);
    for round in 0..scale.rounds {
        all.push(one_round(arena, callers, count, options.plant, round).await?);
    }
    Ok(all)
}

async fn one_round(
    arena: &Arena,
    callers: usize,
    count: usize,
    plant: Option<Plant>,
    round: usize,
) -> Result<Round<Ran>, Fault> {
    let value = arena.value();
    let keys = keys(Spread::Uniform, arena.rows, count, u64::try_from(value)?);
    let done = turns(round, async |who| match who {
        Who::Peer => {
            let some: Arc<[i64]> = match plant {
                Some(Plant::Unequal) => keys.iter().copied().take(count * 9 / 10).collect(),
                None => keys.clone(),
            };
            run(&arena.direct, &some, callers, value).await
        }
        Who::Ours => {
            let ran = run(&arena.behind, &keys, callers, value).await?;
            same("writes in the outbox", arena.queued().await?, i64::try_from(count)?)?;
            arena.drain().await?;
            Ok(ran)
        }
    })
    .await?;
    arena.compare(&keys, value).await?;
    Ok(done)
}

/// Acknowledged writes in a second.
pub(crate) fn rates(rounds: &[Round<Ran>]) -> Vec<Sample> {
    samples(rounds, Ran::rate)
}

/// The time in which 99 of a hundred writes are acknowledged, in microseconds.
pub(crate) fn p99s(rounds: &[Round<Ran>]) -> Vec<Sample> {
    samples(rounds, Ran::p99)
}

fn samples(rounds: &[Round<Ran>], number: fn(&Ran) -> f64) -> Vec<Sample> {
    let sample = |round: &Round<Ran>| Sample {
        first: round.first,
        peer: number(&round.peer),
        ours: number(&round.ours),
    };
    rounds.iter().map(sample).collect()
}
