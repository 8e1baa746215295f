//! The stores' guards are needed, and the contract's checks see it when one is
//! missing: with each removed, in Rust and in the scripts, a check fails.

#[path = "conformance/fences.rs"]
#[expect(dead_code, reason = "the suite `conformance` uses all of it")]
mod fences;
#[path = "conformance/leases.rs"]
#[expect(dead_code, reason = "the suite `conformance` uses all of it")]
mod leases;
#[path = "conformance/several.rs"]
#[expect(dead_code, reason = "the suite `conformance` uses all of it")]
mod several;
#[path = "conformance/subject.rs"]
mod subject;
#[path = "conformance/tables.rs"]
#[expect(dead_code, reason = "the suite `conformance` uses all of it")]
mod tables;
#[path = "conformance/watermarks.rs"]
#[expect(dead_code, reason = "the suite `conformance` uses all of it")]
mod watermarks;

use std::collections::HashSet;

use cache_runtime::RandomTokens;
use cache_runtime::guard::{self, Guard};
use cache_runtime::ports::Tokens;
use subject::Subject;

/// Whether the check fails.
macro_rules! fails {
    ($file:ident :: $check:ident, $subject:expr) => {{
        let subject = $subject;
        let check = tokio::spawn(async move { $file::$check(&subject).await });
        check.await.is_err_and(|error| error.is_panic())
    }};
}

macro_rules! caught {
    ($guard:expr, $($file:ident :: $check:ident),+) => {
        $(
            assert!(!fails!($file::$check, Subject::in_process().await), "with all guards");
            assert!(!fails!($file::$check, Subject::redis().await), "with all guards");
            guard::remove($guard);
            let (in_process, redis) = (Subject::in_process().await, Subject::redis().await);
            let failed = (fails!($file::$check, in_process), fails!($file::$check, redis));
            guard::restore();
            assert_eq!(failed, (true, true), "{:?}, {}", $guard, stringify!($check));
        )+
    };
}

// One test: a guard is removed for the whole process.
#[tokio::test]
async fn every_guard_of_the_stores_is_needed() {
    caught!(
        Guard::LeaseToken,
        leases::a_fill_needs_the_lease_that_stands_now,
        leases::a_forced_lease_takes_over,
        leases::an_invalidation_removes_value_and_lease,
        leases::a_fill_delayed_past_a_newer_one_is_refused
    );
    caught!(
        Guard::InvalidateLease,
        leases::an_invalidation_removes_value_and_lease,
        leases::a_fill_delayed_past_a_newer_one_is_refused
    );
    caught!(
        Guard::LeaseAnchor,
        leases::life_counts_from_the_lease,
        leases::a_fill_after_its_life_is_too_late
    );
    caught!(Guard::FenceRemovesValue, fences::a_fence_removes_value_and_lease);
    caught!(Guard::FenceRemovesLease, fences::a_fence_removes_value_and_lease);
    caught!(Guard::FenceBlocksLease, fences::nobody_gets_a_lease_while_a_fence_stands);
    caught!(Guard::TaintOverlap, fences::of_fences_that_overlap_none_puts);
    caught!(
        Guard::TaintRemoval,
        fences::what_removes_a_value_taints_the_fences,
        fences::a_renewal_keeps_the_taint
    );
    caught!(Guard::OwnFence, fences::without_its_fence_nothing_is_put);
    caught!(Guard::FenceAnchor, fences::the_life_of_a_put_counts_from_the_fence);
    caught!(Guard::RenewStanding, fences::a_renewal_prolongs_only_what_stands);
    caught!(Guard::NewerOnly, fences::a_fill_never_replaces_a_newer_version);
    caught!(Guard::SharedLife, several::no_fill_prolongs_the_life_of_anothers_value);
    caught!(Guard::KeptAlike, several::what_says_something_else_of_the_row_goes);
    caught!(Guard::KeptEra, several::what_its_table_made_void_is_not_kept);
    caught!(Guard::TableChecked, tables::an_invalidated_table_has_no_entries);
    caught!(
        Guard::TableUnchanged,
        tables::leases_and_fences_of_before_fill_and_put_nothing,
        tables::tables_and_entries_go_in_one_batch
    );
    caught!(Guard::WatermarkGate, watermarks::without_a_watermark_nothing_is_given_or_taken);
    caught!(
        Guard::WatermarkName,
        watermarks::a_turn_removes_what_changed_and_leaves_the_rest,
        watermarks::a_watermark_of_another_name_covers_nothing
    );
    caught!(Guard::TableFence, tables::a_fence_around_a_table_is_one_around_each_entry);

    let two_processes = || [RandomTokens::default(), RandomTokens::default()];
    let tokens =
        || two_processes().map(|tokens| tokens.token()).into_iter().collect::<HashSet<_>>();
    assert_eq!(tokens().len(), 2);
    guard::remove(Guard::RandomToken);
    let same = tokens().len();
    guard::restore();
    assert_eq!(same, 1, "a counter that begins again gives the same token again");
}
