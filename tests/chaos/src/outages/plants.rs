//! Builds in which one guard of bounded or validated reads is missing, and the fault in which that
//! has to come out.

use super::faults::Outage;
use crate::plants::Plant;

/// Each guard with its fault.
const PLANTS: [(&str, Outage); 4] = [
    ("outbox-row", Outage::WriterKilled),
    ("watermark-gate", Outage::OldPrimary),
    ("watermark-name", Outage::Failover),
    ("validate-hit", Outage::NoReplicas),
];

/// Those that every run takes out, one after the other.
pub(super) fn all() -> Vec<Plant> {
    PLANTS.iter().filter_map(|(name, _)| Plant::named(name).ok()).collect()
}

/// Where a missing guard is to come out: for any other than these, anywhere.
pub(super) fn faults(plant: Plant) -> Vec<Outage> {
    let known = PLANTS.iter().find(|(name, _)| *name == plant.name());
    known.map_or(Outage::ALL.to_vec(), |(_, fault)| vec![*fault])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plant_is_a_guard() {
        assert_eq!(all().len(), PLANTS.len());
        assert!(all().iter().all(|plant| faults(*plant).len() == 1));
        assert!(Plant::named("lease-token").is_ok_and(|other| faults(other) == Outage::ALL));
    }
}
