//! Builds that lack a guard. The rig has to find each of them out.

use cache_runtime::guard::Guard;

/// What is to go wrong.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Writes are acknowledged from the store alone: `intent-first`.
    Lose,
    /// What was applied stays in the outbox: `removed-with-rows`.
    Dup,
    /// Later writes of a row overtake those that are parked: `parked-holds`.
    Reorder,
    /// A miss reads row and pending writes one after the other: `one-snapshot`.
    Regress,
}

impl Plant {
    pub(crate) const ALL: [Self; 4] = [Self::Lose, Self::Dup, Self::Reorder, Self::Regress];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lose => "lose",
            Self::Dup => "dup",
            Self::Reorder => "reorder",
            Self::Regress => "regress",
        }
    }

    /// The guard that the build lacks.
    fn guard(self) -> Guard {
        match self {
            Self::Lose => Guard::IntentFirst,
            Self::Dup => Guard::RemovedWithRows,
            Self::Reorder => Guard::ParkedHolds,
            Self::Regress => Guard::OneSnapshot,
        }
    }

    /// Its name in `docs/GUARDS.md`.
    pub(crate) fn guard_name(self) -> &'static str {
        let guard = self.guard();
        Guard::ALL.iter().find(|(known, _)| *known == guard).map_or("none", |(_, name)| name)
    }

    /// What is said to the processes of the build.
    pub(crate) fn options(self) -> Vec<String> {
        let mut options = vec!["--without".to_owned(), self.guard_name().to_owned()];
        if self == Self::Reorder {
            // Rows must be parked for others to overtake them.
            let more = ["--poison", "4", "--sheets", "4"];
            options.extend(more.map(str::to_owned));
        }
        options
    }
}
