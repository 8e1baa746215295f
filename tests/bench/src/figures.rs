//! The figures, and what each should be.

/// What a ratio should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// It is told, and nothing more.
    None,
}

impl Goal {
    pub(crate) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(goal) => ratio >= goal,
            Self::AtMost(goal) => ratio <= goal,
            Self::None => true,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">={goal}"),
            Self::AtMost(goal) => write!(f, "<={goal}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// A ratio of writing behind to plain Diesel, or of times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) goal: Goal,
}

const fn figure(name: &'static str, goal: Goal) -> Figure {
    Figure { name, goal }
}

use Goal::{AtLeast, AtMost};

/// All of them, in the order in which they are measured.
pub(crate) const FIGURES: &[Figure] = &[
    figure("wb_append_pg_c1", AtLeast(1.2)),
    figure("wb_append_pg_c64", AtLeast(8.0)),
    figure("wb_append_pg_c256", AtLeast(20.0)),
    figure("wb_ack_pg_c1", AtLeast(1.0)),
    figure("wb_ack_pg_c64", AtLeast(6.0)),
    figure("wb_ack_pg_c256", AtLeast(15.0)),
    figure("wb_ack_p99_pg_c256", AtMost(0.15)),
    figure("wb_sustained_pg_c256_acknowledged", AtLeast(10.0)),
    figure("wb_sustained_pg_c256_uniform", AtLeast(7.0)),
    figure("wb_sustained_pg_c256_zipf", AtLeast(10.0)),
    figure("wb_append_sqlite_c256", Goal::None),
    figure("wb_ack_sqlite_c256", AtLeast(40.0)),
    figure("wb_ack_mariadb_c256", AtLeast(10.0)),
    figure("flush_uniform", AtLeast(10.0)),
    figure("flush_zipf", AtLeast(15.0)),
    figure("wb_overlay_read", AtMost(1.2)),
];

/// What is told without a goal: what the steps of an acknowledgement cost.
pub(crate) const COSTS: &str = "costs";

/// The figure of this name.
pub(crate) fn named(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_on_its_own_side() {
        assert!(AtLeast(2.0).is_met(2.0) && !AtLeast(2.0).is_met(1.99));
        assert!(AtMost(0.5).is_met(0.5) && !AtMost(0.5).is_met(0.51));
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<&str> = FIGURES.iter().map(|it| it.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIGURES.len());
    }
}
