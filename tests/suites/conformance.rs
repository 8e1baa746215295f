//! Every implementation of a port is held to the port's contract, sentence by
//! sentence. Whoever writes an adapter can add it here.

#[path = "conformance/batches.rs"]
mod batches;
#[path = "conformance/codec.rs"]
mod codec;
#[path = "conformance/database.rs"]
mod database;
#[path = "conformance/fences.rs"]
mod fences;
#[path = "conformance/leases.rs"]
mod leases;
#[path = "conformance/null.rs"]
mod null;
#[path = "conformance/races.rs"]
mod races;
#[path = "conformance/several.rs"]
mod several;
#[path = "conformance/subject.rs"]
mod subject;
#[path = "conformance/system.rs"]
mod system;
#[path = "conformance/tables.rs"]
mod tables;
#[path = "conformance/watermarks.rs"]
mod watermarks;

/// Makes each check a test of each store.
macro_rules! hold_stores_to {
    ($($file:ident :: $check:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $check() {
                crate::$file::$check(&crate::subject::Subject::in_process().await).await;
            })*
        }

        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $check() {
                crate::$file::$check(&crate::subject::Subject::redis().await).await;
            })*
        }
    };
}

hold_stores_to! {
    leases::where_nothing_is_there_a_read_misses,
    leases::a_fill_under_the_lease_is_a_hit_for_everybody,
    leases::a_lease_keeps_others_out,
    leases::a_forced_lease_takes_over,
    leases::a_forced_lease_leaves_the_value_served,
    leases::a_fill_needs_the_lease_that_stands_now,
    leases::a_lease_ends_at_its_expiry,
    leases::an_invalidation_removes_value_and_lease,
    leases::a_fill_delayed_past_a_newer_one_is_refused,
    leases::life_counts_from_the_lease,
    leases::a_fill_after_its_life_is_too_late,
    leases::only_its_token_releases_a_lease,
    leases::the_time_of_a_lease_goes_forward,
    leases::extreme_durations_are_taken,
    fences::a_fence_removes_value_and_lease,
    fences::nobody_gets_a_lease_while_a_fence_stands,
    fences::a_fence_that_nobody_lifts_expires,
    fences::a_lifted_fence_puts,
    fences::of_fences_that_overlap_none_puts,
    fences::without_its_fence_nothing_is_put,
    fences::what_removes_a_value_taints_the_fences,
    fences::the_life_of_a_put_counts_from_the_fence,
    fences::a_renewal_prolongs_only_what_stands,
    fences::a_renewal_keeps_the_taint,
    fences::a_fill_never_replaces_a_newer_version,
    several::each_build_has_its_own_value,
    several::what_removes_one_value_removes_all,
    several::no_fill_prolongs_the_life_of_anothers_value,
    several::what_says_something_else_of_the_row_goes,
    several::what_its_table_made_void_is_not_kept,
    several::the_newest_values_are_kept,
    several::bytes_of_nobody_are_given_back_and_not_kept,
    watermarks::without_a_watermark_nothing_is_given_or_taken,
    watermarks::a_watermark_ends_unless_it_is_prolonged,
    watermarks::a_turn_removes_what_changed_and_leaves_the_rest,
    watermarks::a_watermark_of_another_name_covers_nothing,
    watermarks::a_table_is_invalidated_under_its_watermarks,
    tables::an_invalidated_table_has_no_entries,
    tables::leases_and_fences_of_before_fill_and_put_nothing,
    tables::a_fence_around_a_table_is_one_around_each_entry,
    tables::a_fence_around_a_table_expires_unless_renewed,
    tables::tables_and_entries_go_in_one_batch,
    batches::empty_batches_have_empty_answers,
    batches::answers_come_in_the_order_of_the_request,
    batches::operations_on_one_key_take_effect_in_order,
    batches::no_key_reaches_another,
    batches::values_are_kept_byte_for_byte,
    races::of_many_one_gets_the_lease,
    races::a_fill_and_an_invalidation_leave_nothing,
    races::a_fill_and_a_release_leave_no_lease,
}
