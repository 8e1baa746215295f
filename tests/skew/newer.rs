//! The program of a deploy, for the suite `skew`: it has a list that the one before does not know.

mod program;

fn main() {
    program::run!(cache_tests::skew::new, |runtime: &tokio::runtime::Runtime, rows| {
        let rows: &cache_tests::skew::new::AccountRepository<_> = rows;
        Some(runtime.block_on(rows.list_by_balance(5)).unwrap().len())
    });
}
