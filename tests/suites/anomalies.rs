//! The anomalies, each forced at named points on every store: it must not happen,
//! the point must have been reached, and it *must* happen once its guard is removed.
//!
//! A line each: `anomaly N store=S: hit, held, mutant caught`.

#[path = "anomalies/reads.rs"]
mod reads;
#[path = "anomalies/world.rs"]
mod world;
#[path = "anomalies/writes.rs"]
mod writes;

use std::future::Future;
use std::pin::Pin;

use cache_runtime::guard::{Guard, remove, restore};
use cache_tests::stores::Kind;
use world::{Seen, World};

type Case = fn(World) -> Pin<Box<dyn Future<Output = Seen> + Send>>;

/// Every case with the guards that stop it: each is removed in turn.
const CASES: &[(&str, Case, &[Guard])] = &[
    ("anomaly 1", |w| Box::pin(reads::stale_set(w)), &[Guard::InvalidateLease]),
    ("anomaly 2", |w| Box::pin(reads::evicted_newer(w)), &[Guard::LeaseToken]),
    ("anomaly 9", |w| Box::pin(reads::joins_older_flight(w)), &[Guard::JoinInTime]),
    ("anomaly 19", |w| Box::pin(reads::token_reused(w)), &[Guard::RandomToken]),
    ("anomaly 20", |w| Box::pin(reads::delayed_fill(w)), &[Guard::LeaseAnchor]),
    (
        "anomaly 28",
        |w| Box::pin(reads::reinserted(w)),
        &[Guard::InvalidateLease, Guard::LeaseToken],
    ),
    ("anomaly 30", |w| Box::pin(reads::absence_outlives_insert(w)), &[Guard::InvalidateAbsent]),
    ("anomaly 31", |w| Box::pin(reads::old_value_resolves(w)), &[Guard::VerifyLookup]),
    ("anomaly 31", |w| Box::pin(reads::new_value_does_not_resolve(w)), &[Guard::InvalidateAbsent]),
    ("anomaly 48", |w| Box::pin(reads::joins_after_fill(w)), &[Guard::JoinInTime]),
    ("guard own-key", |w| Box::pin(reads::other_spelling(w)), &[Guard::OwnKey]),
    ("guard pending-bypass", |w| Box::pin(reads::refused_invalidation(w)), &[Guard::PendingBypass]),
    ("anomaly 6", |w| Box::pin(writes::crash_after_commit(w)), &[Guard::FenceFirst]),
    ("anomaly 7", |w| Box::pin(writes::old_fill_after_a_write(w)), &[Guard::FenceRemovesLease]),
    ("anomaly 8", |w| Box::pin(writes::bypass_then_hit(w)), &[Guard::FenceRemovesValue]),
    ("anomaly 8", |w| Box::pin(writes::filled_behind_a_fence(w)), &[Guard::FenceBlocksLease]),
    ("anomaly 10", |w| Box::pin(writes::slow_commit(w)), &[Guard::FenceRenewed]),
    ("anomaly 10", |w| Box::pin(writes::renewed_after_a_loss(w)), &[Guard::RenewStanding]),
    ("anomaly 11", |w| Box::pin(writes::tainted_put(w)), &[Guard::TaintOverlap]),
    ("anomaly 12", |w| Box::pin(writes::put_after_a_flush(w)), &[Guard::OwnFence]),
    ("anomaly 13", |w| Box::pin(writes::put_after_a_rollback(w)), &[Guard::PutCommitted]),
    ("anomaly 13", |w| Box::pin(writes::put_of_an_undone_savepoint(w)), &[Guard::SavepointUndone]),
    ("anomaly 14", |w| Box::pin(writes::unknown_commit(w)), &[Guard::AwaitOutcome]),
    ("anomaly 14", |w| Box::pin(writes::unknown_commit_eventual(w)), &[Guard::RemoveAgain]),
    ("anomaly 26", |w| Box::pin(writes::late_put(w)), &[Guard::OwnFence]),
    ("anomaly 28", |w| Box::pin(writes::same_version_again(w)), &[Guard::VersionCounter]),
    ("anomaly 42", |w| Box::pin(writes::lost_update(w)), &[Guard::ExpectedVersion]),
    ("anomaly 44", |w| Box::pin(writes::misses_its_own_writes(w)), &[Guard::TransactionBypass]),
    ("anomaly 45", |w| Box::pin(writes::late_duplicate_of_a_fence(w)), &[Guard::FreshFence]),
    ("anomaly 45", |w| Box::pin(writes::unanswered_fence(w)), &[Guard::AnsweredFence]),
    ("anomaly 46", |w| Box::pin(writes::put_after_a_fenceless_write(w)), &[Guard::TaintRemoval]),
    ("anomaly 48", |w| Box::pin(writes::joins_after_fill_strict(w)), &[Guard::JoinInTime]),
    ("anomaly 9", |w| Box::pin(writes::joins_older_flight_strict(w)), &[Guard::JoinInTime]),
    ("guard validate-hit", |w| Box::pin(writes::outdated_hit(w)), &[Guard::ValidateHit]),
    (
        "guard table-fence",
        |w| Box::pin(writes::filled_behind_a_table_fence(w)),
        &[Guard::TableFence],
    ),
    ("guard reread-triggered", |w| Box::pin(writes::triggered_row(w)), &[Guard::RereadTriggered]),
];

/// Guards of the stores alone, which the suite `guards` removes, on every store.
const OF_THE_STORES: &[Guard] = &[
    Guard::FenceAnchor,
    Guard::NewerOnly,
    Guard::TableChecked,
    Guard::TableUnchanged,
    Guard::SharedLife,
    Guard::KeptAlike,
    Guard::KeptEra,
];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::process::ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let mut tally = |line: String, good: bool| {
        println!("{line}");
        *(if good { &mut passed } else { &mut failed }) += 1;
    };
    for (guard, name) in Guard::ALL {
        let removed = CASES.iter().any(|(_, _, guards)| guards.contains(guard));
        if !removed && !OF_THE_STORES.contains(guard) {
            tally(format!("guard {name}: no case removes it"), false);
        }
    }
    // `-- 45` runs the cases with such a name.
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for kind in Kind::ALL {
        for (name, case, guards) in CASES.iter().filter(|(name, ..)| name.ends_with(&wanted)) {
            restore();
            let seen = case(World::new(kind)).await;
            let hit = match seen {
                Seen::Hit(_) => "hit".to_owned(),
                Seen::NotReached(point) => format!("NOT REACHED {point}"),
            };
            let held = matches!(seen, Seen::Hit(true));
            let mut caught = true;
            for guard in *guards {
                remove(*guard);
                let world = World::new(kind);
                assert_eq!(world.kind, kind);
                caught &= matches!(case(world).await, Seen::Hit(false));
                restore();
            }
            let line = format!(
                "{name} store={}: {hit}, {}, {}",
                kind.name(),
                if held { "held" } else { "BROKEN" },
                if caught { "mutant caught" } else { "MUTANT NOT CAUGHT" },
            );
            tally(line, held && caught);
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
