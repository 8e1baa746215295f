//! Who is killed where.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::failpoints::Point;

/// How one life of a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It kills itself at this point.
    At(Point),
    /// It is killed from outside, wherever it is.
    Anywhere,
}

/// The kills of a run.
pub(crate) struct Schedule {
    /// Each point with how often it was hit, and how many lives are to end there.
    points: Vec<(Point, u64, u64)>,
    anywhere: u64,
}

impl Schedule {
    pub(crate) fn new() -> Self {
        let points = Point::all().into_iter().map(|point| (point, 0, 0)).collect();
        Self { points, anywhere: 0 }
    }

    /// The end of the next life, and after how many milliseconds it may come: at a point that
    /// was hit least, or, one life in eight, anywhere.
    pub(crate) fn next(&mut self) -> (End, u64) {
        let mut random = rand::rng();
        let after = random.random_range(600..2400);
        if random.random_ratio(1, 8) {
            return (End::Anywhere, after);
        }
        let least = self.points.iter().map(|(_, hit, due)| hit + due).min().unwrap_or(0);
        let rarest: Vec<usize> = (0..self.points.len())
            .filter(|place| self.points[*place].1 + self.points[*place].2 == least)
            .collect();
        let Some((point, _, due)) = rarest.choose(&mut random).map(|at| &mut self.points[*at])
        else {
            return (End::Anywhere, after);
        };
        *due += 1;
        (End::At(*point), after)
    }

    /// A life that was to end so has ended; at its point or, where it never came there, not.
    pub(crate) fn ended(&mut self, end: End, hit: bool) {
        let End::At(point) = end else {
            self.anywhere += 1;
            return;
        };
        for (_, hits, due) in self.points.iter_mut().filter(|(known, ..)| *known == point) {
            *due = due.saturating_sub(1);
            *hits += u64::from(hit);
        }
        self.anywhere += u64::from(!hit);
    }

    /// How often the point that was hit least was hit.
    pub(crate) fn least(&self) -> u64 {
        self.points.iter().map(|(_, hit, _)| *hit).min().unwrap_or(0)
    }

    /// All kills.
    pub(crate) fn kills(&self) -> u64 {
        self.anywhere + self.points.iter().map(|(_, hit, _)| hit).sum::<u64>()
    }

    /// A line for each step, and the kills from outside.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("kills from outside, anywhere: {}", self.anywhere);
        let mut step = String::new();
        for (point, hit, _) in &self.points {
            let name = point.to_string();
            let (of, when) = name.split_once(':').unwrap_or((&name, ""));
            if of != step {
                of.clone_into(&mut step);
                text.push_str(&format!("\nkills at {of:<10}"));
            }
            text.push_str(&format!("  {when} {hit:>3}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_its_turn() {
        let mut schedule = Schedule::new();
        while schedule.least() < 2 {
            let (end, _) = schedule.next();
            schedule.ended(end, true);
        }
        let points = u64::try_from(Point::all().len()).unwrap();
        assert!(schedule.kills() >= 2 * points);
        assert_eq!(schedule.report().lines().count(), 11);
    }

    #[test]
    fn a_point_that_was_not_reached_is_still_to_be_hit() {
        let mut schedule = Schedule::new();
        for _ in 0..100 {
            let (end, _) = schedule.next();
            schedule.ended(end, false);
        }
        assert_eq!((schedule.least(), schedule.kills()), (0, 100));
    }
}
