//! Who is killed where.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::failpoints::{Point, Role};

/// How one life of a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It kills itself at this point.
    At(Point),
    /// It is killed from outside, wherever it is.
    Anywhere,
}

/// The kills of applications and flushers.
pub(crate) struct Schedule {
    /// Each point with how often it was hit, and how many lives are to end there.
    points: Vec<(Role, Point, u64, u64)>,
    anywhere: u64,
}

impl Schedule {
    /// `lazy` is whether the driver sends BEGIN with the first statement only.
    pub(crate) fn new(lazy: bool) -> Self {
        let of = |role| Point::of(role).into_iter().map(move |point| (role, point, 0, 0));
        let all = [Role::App, Role::Flusher].into_iter().flat_map(of);
        let points = all.filter(|(_, point, ..)| !(lazy && point.is_of_begin())).collect();
        Self { points, anywhere: 0 }
    }

    /// The end of the next life of a process of this kind, and after how many milliseconds it may
    /// come: at a point that was hit least, or, one life in eight, anywhere.
    pub(crate) fn next(&mut self, role: Role) -> (End, u64) {
        let mut random = rand::rng();
        // Few flushers have more points than the applications, which have to write meanwhile.
        let after = match role {
            Role::Flusher => random.random_range(100..900),
            _ => random.random_range(500..3000),
        };
        let own = || self.points.iter().enumerate().filter(|(_, it)| it.0 == role);
        let least = own().map(|(_, it)| it.2 + it.3).min();
        let rarest: Vec<usize> =
            own().filter(|(_, it)| Some(it.2 + it.3) == least).map(|(at, _)| at).collect();
        let end = match rarest.choose(&mut random).and_then(|at| self.points.get_mut(*at)) {
            Some((_, point, _, due)) if !random.random_ratio(1, 8) => {
                *due += 1;
                End::At(*point)
            }
            _ => End::Anywhere,
        };
        (end, after)
    }

    /// A life that was to end so has ended; at its point or, where it never came there, not.
    pub(crate) fn ended(&mut self, end: End, hit: bool) {
        let End::At(point) = end else {
            self.anywhere += 1;
            return;
        };
        for (_, _, hits, due) in self.points.iter_mut().filter(|it| it.1 == point) {
            *due = due.saturating_sub(1);
            *hits += u64::from(hit);
        }
        self.anywhere += u64::from(!hit);
    }

    /// A life was ended without a kill.
    pub(crate) fn spared(&mut self, end: End) {
        if let End::At(point) = end {
            for (.., due) in self.points.iter_mut().filter(|it| it.1 == point) {
                *due = due.saturating_sub(1);
            }
        }
    }

    /// How often the point that was hit least was hit.
    pub(crate) fn least(&self) -> u64 {
        self.points.iter().map(|it| it.2).min().unwrap_or(0)
    }

    /// How many points there are, and how many of them were hit.
    pub(crate) fn reached(&self) -> (usize, usize) {
        (self.points.iter().filter(|it| it.2 > 0).count(), self.points.len())
    }

    /// All kills.
    pub(crate) fn kills(&self) -> u64 {
        self.anywhere + self.points.iter().map(|it| it.2).sum::<u64>()
    }

    /// A line for each step, and the kills from outside.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("kills from outside, anywhere: {}", self.anywhere);
        let mut step = "";
        for (_, point, hit, _) in &self.points {
            if point.step() != step {
                step = point.step();
                text.push_str(&format!("\nkills at {step:<16}"));
            }
            let name = point.to_string();
            let when = name.split_once(':').map_or("", |(_, when)| when);
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
        let mut schedule = Schedule::new(false);
        while schedule.least() < 2 {
            for role in [Role::App, Role::Flusher] {
                let (end, _) = schedule.next(role);
                schedule.ended(end, true);
            }
        }
        assert_eq!(schedule.reached(), (45, 45));
        assert!(schedule.kills() >= 90);
        assert_eq!(schedule.report().lines().count(), 16);
        assert_eq!(Schedule::new(true).reached(), (0, 43));
    }

    #[test]
    fn a_point_that_was_not_reached_is_still_to_be_hit() {
        let mut schedule = Schedule::new(false);
        for _ in 0..100 {
            let (end, _) = schedule.next(Role::App);
            schedule.ended(end, false);
        }
        assert_eq!((schedule.least(), schedule.kills()), (0, 100));
    }
}
