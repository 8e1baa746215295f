//! Builds in which one defence is missing. The rig has to find each of them out.

use cache_runtime::guard::{Guard, remove};

use crate::store::Naive;

/// A defence that is taken out, by name: a naive build of the store, or a guard of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    Store(&'static str, Naive),
    Guard(&'static str, Guard),
}

/// Naive builds, as most hand-made caches are.
const NAIVE: [(&str, Naive); 3] = [
    ("blind-fill", Naive::BlindFill),
    ("blind-put", Naive::BlindPut),
    ("no-fence", Naive::NoFence),
];

/// The guards whose absence four processes under chaos show within seconds. The others need an
/// interleaving that only the suites which force it reach.
const GUARDS: [&str; 7] = [
    "fence-first",
    "fence-blocks-lease",
    "fence-removes-value",
    "fence-removes-lease",
    "lease-token",
    "taint-overlap",
    "validate-hit",
];

impl Plant {
    /// Those that every run takes out, one after the other.
    pub(crate) fn all() -> Vec<Self> {
        let guards = GUARDS.iter().filter_map(|name| Self::named(name).ok());
        NAIVE.iter().map(|(name, naive)| Self::Store(name, *naive)).chain(guards).collect()
    }

    /// A naive build, or any guard of `docs/GUARDS.md`.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        if let Some((name, naive)) = NAIVE.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Store(name, *naive));
        }
        let guard = Guard::ALL.iter().find(|(_, known)| *known == name);
        let guard = guard.map(|(guard, name)| Self::Guard(name, *guard));
        guard.ok_or_else(|| {
            let naive = NAIVE.map(|(name, _)| name).join(", ");
            format!("`{name}` is neither a guard of docs/GUARDS.md nor one of {naive}")
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store(name, _) | Self::Guard(name, _) => name,
        }
    }

    /// Takes the defence out of this process. Tells how its store is to write.
    pub(crate) fn set(self) -> Naive {
        match self {
            Self::Store(_, naive) => naive,
            Self::Guard(_, guard) => {
                remove(guard);
                Naive::No
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plant_can_be_named() {
        let all = Plant::all();
        assert_eq!(all.len(), NAIVE.len() + GUARDS.len());
        for plant in all {
            assert_eq!(Plant::named(plant.name()), Ok(plant));
        }
        assert!(Plant::named("no-such-guard").is_err());
    }
}
