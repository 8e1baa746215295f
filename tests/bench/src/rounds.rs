//! Turns, and what is made of them.

use crate::Fault;

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Plain Diesel, or the state of things before.
    Peer,
    Ours,
}

/// What both did in one round.
pub(crate) struct Round<T> {
    pub(crate) first: Who,
    pub(crate) peer: T,
    pub(crate) ours: T,
}

/// One round. Who begins changes from round to round, so that neither always finds the machine as
/// the other leaves it.
pub(crate) async fn turns<T>(
    round: usize,
    mut one: impl AsyncFnMut(Who) -> Result<T, Fault>,
) -> Result<Round<T>, Fault> {
    if round.is_multiple_of(2) {
        let peer = one(Who::Peer).await?;
        let ours = one(Who::Ours).await?;
        Ok(Round { first: Who::Peer, peer, ours })
    } else {
        let ours = one(Who::Ours).await?;
        let peer = one(Who::Peer).await?;
        Ok(Round { first: Who::Ours, peer, ours })
    }
}

/// The middle of some numbers, the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// None of no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = numbers.into_iter().collect();
        all.sort_by(f64::total_cmp);
        let (least, most) = (*all.first()?, *all.last()?);
        let middle = all.len() / 2;
        let upper = *all.get(middle)?;
        let median = match all.len() % 2 {
            0 => (upper + *all.get(middle - 1)?) / 2.0,
            _ => upper,
        };
        Some(Self { median, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let summary = Summary::of([9.0, 1.0, 2.0]).unwrap();
        assert_eq!((summary.least, summary.median, summary.most), (1.0, 2.0, 9.0));
        assert_eq!(Summary::of([4.0, 1.0, 2.0, 8.0]).unwrap().median, 3.0);
        assert_eq!(Summary::of([]), None);
    }
}
