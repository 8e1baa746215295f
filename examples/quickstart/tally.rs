//! Counts flights by plane and by route, written behind: every flight is two writes, acknowledged when
//! they are durable, and the tables are written in batches beside.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use cache_runtime::ports::{Statements, WriteBehind};
use cache_runtime::{Cache, Database, Repository};
use futures_util::TryStreamExt as _;

use crate::load::Flight;
use crate::models::{PlaneTally, RouteTally};

/// How many flights are counted at the same time.
const AT_ONCE: usize = 256;
/// For how long the last writes may take.
const DRAIN: Duration = Duration::from_secs(60);

/// What was counted.
pub struct Tally {
    pub planes: usize,
    pub routes: usize,
    /// Acknowledged writes.
    pub writes: usize,
    /// Until the last was acknowledged, and until all were in their tables.
    pub took: (Duration, Duration),
}

/// Counts every flight, and compares the tables with a plain count at the end.
pub async fn tally<D: Database>(
    cache: &Cache<D>,
    flights: &[Flight],
) -> Result<Tally, Box<dyn Error>>
where
    PlaneTally: Statements<D::Backend>,
    RouteTally: Statements<D::Backend>,
{
    let planes = cache.repository::<PlaneTally>();
    let routes = cache.repository::<RouteTally>();
    let began = Instant::now();
    let counted = futures_util::stream::iter(flights.iter().map(Ok)).try_for_each_concurrent(
        AT_ONCE,
        async |flight: &Flight| {
            let route = (flight.origin.clone(), flight.dest.clone());
            tokio::try_join!(
                planes.merge(flight.tailnum.clone(), PlaneTally::delta().flights(1)),
                routes.merge(route, RouteTally::delta().flights(1)),
            )?;
            Ok::<_, cache_runtime::Error>(())
        },
    );
    counted.await?;
    let acknowledged = began.elapsed();
    let drained = cache.shutdown(DRAIN).await;
    if drained.pending != Some(0) {
        return Err(format!("{drained:?}: not all came into their tables").into());
    }
    let took = (acknowledged, began.elapsed());

    let by_plane = plain_count(flights.iter().map(|flight| flight.tailnum.clone()));
    let by_route = plain_count(flights.iter().map(|it| (it.origin.clone(), it.dest.clone())));
    compare(&planes, &by_plane, |row| row.flights).await?;
    compare(&routes, &by_route, |row| row.flights).await?;
    let writes = flights.len() * 2;
    Ok(Tally { planes: by_plane.len(), routes: by_route.len(), writes, took })
}

fn plain_count<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, i64> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// Fails unless every row holds its count. Nothing is pending any more, so that these are the rows
/// of the table.
async fn compare<M, D: Database>(
    rows: &Repository<M, D>,
    counts: &HashMap<M::Key, i64>,
    flights: impl Fn(&M) -> i64,
) -> Result<(), Box<dyn Error>>
where
    M: Statements<D::Backend, Key: Debug> + WriteBehind,
{
    for (key, count) in counts {
        let row = rows.find_uncached(key.clone()).await?;
        let counted = row.map_or(0, |row| flights(&row));
        if counted != *count {
            return Err(
                format!("{key:?} was counted {counted} times, and flew {count} times").into()
            );
        }
    }
    Ok(())
}
