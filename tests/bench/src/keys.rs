//! Which rows are written.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How writes are spread over the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    Uniform,
    /// The n-th most written row has 1/n of the writes of the first.
    Zipf,
}

/// So many keys of 1 to `rows`; the same for the same seed.
pub(crate) fn keys(spread: Spread, rows: i64, count: usize, seed: u64) -> Arc<[i64]> {
    let mut random = StdRng::seed_from_u64(seed);
    match spread {
        Spread::Uniform => (0..count).map(|_| random.random_range(1..=rows)).collect(),
        Spread::Zipf => {
            let mut sums: Vec<f64> = Vec::with_capacity(usize::try_from(rows).unwrap_or_default());
            let mut sum = 0.0;
            for rank in 1..=rows {
                #[allow(clippy::cast_precision_loss, reason = "ranks are small")]
                let weight = 1.0 / rank as f64;
                sum += weight;
                sums.push(sum);
            }
            let one = |_| {
                let at = random.random_range(0.0..sum);
                let rank = sums.partition_point(|sum| *sum <= at);
                spot(i64::try_from(rank).unwrap_or_default().min(rows - 1), rows)
            };
            (0..count).map(one).collect()
        }
    }
}

/// Where the row of this rank stands: what is written most does not stand together.
fn spot(rank: i64, rows: i64) -> i64 {
    // Prime, and so without a divisor in common with any number of rows in use.
    const STEP: i64 = 7_919;
    1 + (rank * STEP) % rows
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn each_rank_has_a_spot_of_its_own() {
        let spots: BTreeSet<i64> = (0..20_000).map(|rank| spot(rank, 20_000)).collect();
        assert_eq!((spots.len(), spots.first(), spots.last()), (20_000, Some(&1), Some(&20_000)));
    }

    #[test]
    fn the_first_of_zipf_is_written_twice_as_often_as_the_second() {
        let mut counts = BTreeMap::<i64, i64>::new();
        for key in keys(Spread::Zipf, 1000, 200_000, 1).iter() {
            *counts.entry(*key).or_default() += 1;
        }
        let first = counts[&spot(0, 1000)];
        let second = counts[&spot(1, 1000)];
        assert!((170..230).contains(&(first * 100 / second)), "{first} and {second}");
        assert!((24_000..30_000).contains(&first), "{first} of 200,000");
    }

    #[test]
    fn uniform_reaches_all() {
        let all: BTreeSet<i64> = keys(Spread::Uniform, 100, 5_000, 1).iter().copied().collect();
        assert_eq!((all.len(), all.first(), all.last()), (100, Some(&1), Some(&100)));
    }
}
