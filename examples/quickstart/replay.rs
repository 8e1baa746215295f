//! One pass over the flights.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::ports::Statements;
use cache_runtime::{Cache, Database};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};

use crate::counted::Counters;
use crate::load::Flight;
use crate::models::{Airline, Airport, Plane};

/// What one pass saw.
pub struct Pass {
    /// A digest of every row resolved, in order.
    pub digest: String,
    pub requests: u64,
    pub hits: u64,
    pub statements: u64,
    pub unknown_planes: u64,
    pub took: Duration,
    /// Nanoseconds of each request that a cached entry answered, and of each other.
    pub hit_times: Histogram<u64>,
    pub miss_times: Histogram<u64>,
}

/// Resolves carrier, plane, origin and destination of every flight.
pub async fn replay<D: Database>(
    cache: &Cache<D>,
    counters: &Counters,
    flights: &[Flight],
    name: &'static str,
) -> Result<Pass, Box<dyn std::error::Error>>
where
    Airline: Statements<D::Backend>,
    Airport: Statements<D::Backend>,
    Plane: Statements<D::Backend>,
{
    let airlines = cache.repository::<Airline>();
    let airports = cache.repository::<Airport>();
    let planes = cache.repository::<Plane>();
    let bar = ProgressBar::new(flights.len() as u64).with_message(name);
    bar.set_style(ProgressStyle::with_template("{msg:15} {wide_bar} {pos}/{len} flights")?);

    let (statements, hits) = (counters.statements(), counters.hits());
    let mut seen = Seen::new(counters)?;
    let began = Instant::now();
    let mut unknown_planes = 0;
    for flight in flights {
        seen.resolve(airlines.find(&flight.carrier)).await?;
        let plane = seen.resolve(planes.find(&flight.tailnum)).await?;
        unknown_planes += u64::from(plane.is_none());
        seen.resolve(airports.find(&flight.origin)).await?;
        seen.resolve(airports.find(&flight.dest)).await?;
        bar.inc(1);
    }
    bar.finish();
    Ok(Pass {
        digest: seen.digest(),
        requests: flights.len() as u64 * 4,
        hits: counters.hits() - hits,
        statements: counters.statements() - statements,
        unknown_planes,
        took: began.elapsed(),
        hit_times: seen.hit_times,
        miss_times: seen.miss_times,
    })
}

/// What was resolved so far, and how long it took.
struct Seen<'a> {
    counters: &'a Counters,
    rows: Sha256,
    hit_times: Histogram<u64>,
    miss_times: Histogram<u64>,
}

impl<'a> Seen<'a> {
    fn new(counters: &'a Counters) -> Result<Self, Box<dyn std::error::Error>> {
        let (hit_times, miss_times) = (Histogram::new(3)?, Histogram::new(3)?);
        Ok(Self { counters, rows: Sha256::new(), hit_times, miss_times })
    }

    async fn resolve<M: Debug>(
        &mut self,
        find: impl Future<Output = cache_runtime::Result<Option<Arc<M>>>>,
    ) -> Result<Option<Arc<M>>, Box<dyn std::error::Error>> {
        let hits = self.counters.hits();
        let began = Instant::now();
        let row = find.await?;
        let nanos = u64::try_from(began.elapsed().as_nanos())?;
        let hit = self.counters.hits() > hits;
        let times = if hit { &mut self.hit_times } else { &mut self.miss_times };
        times.record(nanos)?;
        self.rows.update(format!("{row:?}\n"));
        Ok(row)
    }

    fn digest(&self) -> String {
        let digest = self.rows.clone().finalize();
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
