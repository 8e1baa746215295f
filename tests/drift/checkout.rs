//! A service of the suite `drift`, with its own idea of what an account's entry may be.

mod service;

#[derive(diesel::Queryable, cache_runtime::Cached)]
#[diesel(table_name = cache_tests::account::accounts)]
#[cached(pattern = "cache_aside", ttl = "1m")]
struct Account {
    id: i64,
    email: String,
    balance: i64,
}

fn main() {
    service::run!(Account, "checkout");
}
