//! Every case with the guards that stop it: each is removed in turn.

use cache_runtime::guard::Guard;

use super::world::World;
use super::{aggregates, behind, bounded, events, lists, past, reads, skew, writes};
use crate::Case;

/// A case on a world of its own, which is there before the case begins.
macro_rules! case {
    ($case:path) => {
        |kind| {
            let world = World::new(kind);
            Box::pin($case(world))
        }
    };
}

pub(crate) const CASES: &[Case] = &[
    ("anomaly 1", case!(reads::stale_set), &[Guard::InvalidateLease]),
    ("anomaly 2", case!(reads::evicted_newer), &[Guard::LeaseToken]),
    ("anomaly 9", case!(reads::joins_older_flight), &[Guard::JoinInTime]),
    ("anomaly 19", case!(reads::token_reused), &[Guard::RandomToken]),
    ("anomaly 20", case!(reads::delayed_fill), &[Guard::LeaseAnchor]),
    ("anomaly 28", case!(reads::reinserted), &[Guard::InvalidateLease, Guard::LeaseToken]),
    ("anomaly 30", case!(reads::absence_outlives_insert), &[Guard::InvalidateAbsent]),
    ("anomaly 31", case!(reads::old_value_resolves), &[Guard::VerifyLookup]),
    ("anomaly 31", case!(reads::new_value_does_not_resolve), &[Guard::InvalidateAbsent]),
    ("anomaly 41", case!(past::raw_sql_among_legal_writes), &[Guard::SettleTwice]),
    ("anomaly 48", case!(reads::joins_after_fill), &[Guard::JoinInTime]),
    ("guard own-key", case!(reads::other_spelling), &[Guard::OwnKey]),
    ("guard pending-bypass", case!(reads::refused_invalidation), &[Guard::PendingBypass]),
    ("anomaly 6", case!(writes::crash_after_commit), &[Guard::FenceFirst]),
    ("anomaly 7", case!(writes::old_fill_after_a_write), &[Guard::FenceRemovesLease]),
    ("anomaly 8", case!(writes::bypass_then_hit), &[Guard::FenceRemovesValue]),
    ("anomaly 8", case!(writes::filled_behind_a_fence), &[Guard::FenceBlocksLease]),
    ("anomaly 10", case!(writes::slow_commit), &[Guard::FenceRenewed]),
    ("anomaly 10", case!(writes::renewed_after_a_loss), &[Guard::RenewStanding]),
    ("anomaly 11", case!(writes::tainted_put), &[Guard::TaintOverlap]),
    ("anomaly 12", case!(writes::put_after_a_flush), &[Guard::OwnFence]),
    ("anomaly 13", case!(writes::put_after_a_rollback), &[Guard::PutCommitted]),
    ("anomaly 13", case!(writes::put_of_an_undone_savepoint), &[Guard::SavepointUndone]),
    ("anomaly 14", case!(writes::unknown_commit), &[Guard::AwaitOutcome]),
    ("anomaly 14", case!(writes::unknown_commit_eventual), &[Guard::RemoveAgain]),
    ("anomaly 26", case!(writes::late_put), &[Guard::OwnFence]),
    ("anomaly 28", case!(writes::same_version_again), &[Guard::VersionCounter]),
    ("anomaly 32", case!(lists::loses_a_member), &[Guard::TouchLists]),
    ("anomaly 32", case!(lists::loses_a_member_strict), &[Guard::TouchLists]),
    ("anomaly 32", case!(lists::keeps_an_old_order), &[Guard::TouchLists]),
    ("anomaly 32", case!(lists::keeps_a_member), &[Guard::VerifyList]),
    ("guard touch-dependents", case!(lists::shows_an_old_name), &[Guard::TouchDependents]),
    (
        "guard dependents-again",
        case!(lists::shows_an_old_name_of_a_new_row),
        &[Guard::DependentsAgain],
    ),
    (
        "guard dependents-again",
        case!(lists::shows_an_old_name_after_a_lost_commit),
        &[Guard::DependentsAgain],
    ),
    ("anomaly 27", case!(aggregates::filled_with_an_old_member), &[Guard::TouchWhole]),
    ("anomaly 27", case!(aggregates::filled_with_an_old_member_strict), &[Guard::TouchWhole]),
    ("anomaly 27", case!(aggregates::kept_by_the_root_it_left), &[Guard::TouchWhole]),
    ("anomaly 27", case!(aggregates::read_while_it_changes), &[Guard::RootFirst]),
    (
        "anomaly 6 aggregate",
        case!(aggregates::crash_after_a_member),
        &[Guard::OutboxRow, Guard::TouchWhole],
    ),
    ("anomaly 42", case!(writes::lost_update), &[Guard::ExpectedVersion]),
    ("anomaly 44", case!(writes::misses_its_own_writes), &[Guard::TransactionBypass]),
    ("anomaly 45", case!(writes::late_duplicate_of_a_fence), &[Guard::FreshFence]),
    ("anomaly 45", case!(writes::unanswered_fence), &[Guard::AnsweredFence]),
    ("anomaly 46", case!(writes::put_after_a_fenceless_write), &[Guard::TaintRemoval]),
    ("anomaly 48", case!(writes::joins_after_fill_strict), &[Guard::JoinInTime]),
    ("anomaly 9", case!(writes::joins_older_flight_strict), &[Guard::JoinInTime]),
    ("anomaly 33", case!(behind::store_dies), &[Guard::IntentFirst]),
    ("anomaly 34", case!(behind::flushed_between_two_reads), &[Guard::OneSnapshot]),
    ("anomaly 35", case!(behind::flushed_by_two), &[Guard::StripeClaimed]),
    ("anomaly 36", case!(behind::applied_again), &[Guard::RemovedWithRows]),
    ("anomaly 38", case!(behind::applied_without_what_is_parked), &[Guard::ParkedHolds]),
    (
        "anomaly 39",
        case!(behind::parked_as_if_all_were_well),
        &[Guard::ParkedTold, Guard::ParkedRemoved],
    ),
    ("anomaly 40", case!(behind::clobbered_by_a_flush), &[Guard::ConflictSeen]),
    ("anomaly 6 bounded", case!(bounded::crash_after_commit), &[Guard::OutboxRow]),
    ("anomaly 15 bounded", case!(bounded::removal_undone), &[Guard::WatermarkName]),
    ("anomaly 17 bounded", case!(bounded::store_left_behind), &[Guard::WatermarkGate]),
    ("anomaly 21 bounded", case!(bounded::clock_set_back), &[Guard::SteadyTime]),
    ("anomaly 25 bounded", case!(bounded::outbox_gap), &[Guard::OutboxAll]),
    ("anomaly 29 bounded", case!(bounded::restored_database), &[Guard::SameDatabase]),
    ("anomaly 46 bounded", case!(bounded::put_after_the_relay), &[Guard::TaintRemoval]),
    ("anomaly 4", case!(events::outruns_the_commit), &[Guard::OutrunFence]),
    ("anomaly 4", case!(events::outruns_a_new_value), &[Guard::OutrunAgain]),
    ("anomaly 4", case!(events::consumer_dies), &[Guard::AcknowledgeLast]),
    ("anomaly 4", case!(events::cannot_be_read), &[Guard::VoidParked]),
    ("anomaly 4", case!(events::lost_on_the_way), &[Guard::VoidGap]),
    ("anomaly 43", case!(skew::old_beside_new), &[Guard::AllKnow]),
    ("anomaly 43", case!(skew::old_before_it_is_seen), &[Guard::WaitForViews]),
    ("anomaly 43", case!(skew::silent_for_a_while), &[Guard::HeldRegistration]),
    ("anomaly 43", case!(skew::view_of_before), &[Guard::ViewExpires]),
    ("anomaly 43", case!(skew::filled_before_a_rollback), &[Guard::NewGeneration]),
    ("anomaly 43", case!(skew::names_not_yet_seen), &[Guard::SeenGeneration]),
    ("anomaly 43", case!(skew::names_of_an_open_transaction), &[Guard::SettledView]),
    ("anomaly 43", case!(skew::slow_write_of_the_old), &[Guard::RegisteredInTime]),
    ("guard older-first", case!(behind::taken_before_it_is_free), &[Guard::OlderFirst]),
    ("guard validate-hit", case!(writes::outdated_hit), &[Guard::ValidateHit]),
    ("guard table-fence", case!(writes::filled_behind_a_table_fence), &[Guard::TableFence]),
    ("guard reread-triggered", case!(writes::triggered_row), &[Guard::RereadTriggered]),
];
