//! What is MySQL's own: rows are read back where nothing returns them, an error may end a
//! transaction, and locks are a session's.

#[path = "mysql/rows.rs"]
mod rows;
#[path = "mysql/sessions.rs"]
mod sessions;

/// Makes each check a test of each driver.
macro_rules! hold_drivers_to {
    ($($file:ident :: $check:ident),* $(,)?) => {
        mod r2d2 {
            use cache_runtime::R2d2;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                crate::$file::$check(|server| R2d2::new(server.pool.clone())).await;
            })*
        }

        mod diesel_async {
            use cache_tests::databases::Mysql;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                crate::$file::$check(Mysql::asynchronous).await;
            })*
        }
    };
}

hold_drivers_to! {
    rows::a_key_that_the_database_makes_is_found,
    rows::a_key_made_for_another_row_is_not_taken_for_this_one,
    rows::a_row_is_as_its_triggers_leave_it,
    rows::an_upsert_meets_a_row_by_its_primary_key_alone,
    rows::a_change_of_the_key_is_refused,
    rows::a_spelling_that_the_collation_equates_finds_the_row,
    rows::flags_and_numbers_are_what_they_were,
    sessions::a_deadlock_ends_the_transaction_also_in_a_savepoint,
    sessions::a_statement_sees_what_committed_before_it,
    sessions::a_commit_whose_connection_is_lost_is_unknown,
    sessions::a_transaction_is_in_progress_until_its_connection_is_gone,
    sessions::a_database_is_one_process_s,
}

/// And on the one connection of a test, in whose transaction the cache's are savepoints.
mod test_database {
    use cache_runtime::testing::TestDatabase;

    #[tokio::test]
    async fn rows_are_read_back() {
        let open =
            |server: &cache_tests::databases::Mysql| TestDatabase::new(server.establish()).unwrap();
        crate::rows::a_key_that_the_database_makes_is_found(open).await;
        crate::rows::a_key_made_for_another_row_is_not_taken_for_this_one(open).await;
        crate::rows::an_upsert_meets_a_row_by_its_primary_key_alone(open).await;
        crate::rows::a_change_of_the_key_is_refused(open).await;
    }
}
