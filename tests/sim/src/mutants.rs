//! Without any one of its guards the runtime breaks a promise, and the simulation finds it.

use cache_runtime::guard::{Guard, remove, restore};

use crate::options::Options;
use crate::truth::{Tally, hunt};
use crate::workload::Mode;

/// So many schedules at most are tried for each guard.
const TRIES: u64 = 60_000;

/// The guards that a schedule needs, and the modes in which it is removed.
const SIMULATED: &[(Guard, &[Mode])] = &[
    (Guard::LeaseToken, &[Mode::Aside, Mode::Through]),
    (Guard::InvalidateLease, &[Mode::Aside]),
    (Guard::InvalidateAbsent, &[Mode::Aside]),
    (Guard::VerifyLookup, &[Mode::Aside]),
    (Guard::JoinInTime, &[Mode::Aside, Mode::Fenced]),
    (Guard::PendingBypass, &[Mode::Fenced, Mode::FencedThrough]),
    (Guard::FenceRemovesValue, &[Mode::Fenced, Mode::FencedThrough]),
    (Guard::FenceRemovesLease, &[Mode::Fenced, Mode::FencedThrough]),
    (Guard::FenceBlocksLease, &[Mode::Fenced, Mode::FencedThrough]),
    (Guard::TaintOverlap, &[Mode::Through, Mode::FencedThrough]),
    (Guard::TaintRemoval, &[Mode::Through, Mode::FencedThrough]),
    (Guard::OwnFence, &[Mode::Through, Mode::FencedThrough]),
    (Guard::FreshFence, &[Mode::FencedThrough]),
    (Guard::AnsweredFence, &[Mode::Through]),
    (Guard::FenceFirst, &[Mode::Fenced, Mode::FencedThrough]),
    (Guard::FenceRenewed, &[Mode::Fenced, Mode::FencedThrough]),
    (Guard::PutCommitted, &[Mode::Through, Mode::FencedThrough]),
    (Guard::SavepointUndone, &[Mode::Through, Mode::FencedThrough]),
    (Guard::ValidateHit, &[Mode::Validated, Mode::ValidatedThrough]),
    (Guard::VersionCounter, &[Mode::Validated, Mode::ValidatedThrough]),
    (Guard::TransactionBypass, &[Mode::Aside, Mode::Fenced]),
];

/// The guards that no schedule needs, with the suite that removes them instead, and why.
const ELSEWHERE: &[(Guard, &str, &str)] = &[
    (Guard::RandomToken, "anomalies", "tokens come from the simulation here"),
    (Guard::LeaseAnchor, "anomalies", "the ttl is longer than any schedule"),
    (Guard::FenceAnchor, "guards", "the ttl is longer than any schedule"),
    (Guard::OwnKey, "anomalies", "it takes a collation"),
    (Guard::NewerOnly, "guards", "a lease keeps older fills out before it comes to that"),
    (Guard::RenewStanding, "anomalies", "no promise covers a store that forgets fences"),
    (Guard::AwaitOutcome, "anomalies", "a COMMIT of SQLite cannot go on without its connection"),
    (Guard::ExpectedVersion, "anomalies", "clients here do not save whole rows"),
    (Guard::RereadTriggered, "anomalies", "the tables here have no triggers"),
    (Guard::TableChecked, "guards", "one row is no bulk write"),
    (Guard::TableUnchanged, "guards", "one row is no bulk write"),
    (Guard::TableFence, "anomalies", "one row is no bulk write"),
];

/// Removes each guard in turn. Gives how many were removed, and how many of them found.
pub fn all(options: &Options, tally: &mut Tally) -> (usize, usize) {
    let (mut removed, mut found) = (0, 0);
    for (guard, name) in Guard::ALL {
        if let Some((_, modes)) = SIMULATED.iter().find(|(known, _)| known == guard) {
            removed += 1;
            remove(*guard);
            let hit = hunt(modes, TRIES);
            restore();
            match hit {
                Some((mode, seed, tries, violation)) => {
                    found += 1;
                    let line = format!(
                        "without {name}: found after {tries} schedules (--mode {mode:?} --seed \
                         {seed} --guard {name}): {violation}"
                    );
                    tally.pass(&line);
                }
                None => tally.fail(&format!("without {name}: NOT FOUND in {TRIES} schedules")),
            }
        } else if let Some((_, suite, why)) = ELSEWHERE.iter().find(|(known, ..)| known == guard) {
            println!("without {name}: in the suite `{suite}`, as {why}");
        } else {
            tally.fail(&format!("guard {name}: neither removed here nor said where"));
        }
    }
    let _ = options;
    (removed, found)
}
