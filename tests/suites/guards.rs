//! The stores' guards are needed, and the contract's checks see it when one is
//! missing: with each removed, in Rust and in the scripts, a check fails.

#[path = "conformance/leases.rs"]
#[expect(dead_code, reason = "the suite `conformance` uses all of it")]
mod leases;
#[path = "conformance/subject.rs"]
mod subject;

use std::collections::HashSet;

use cache_runtime::RandomTokens;
use cache_runtime::guard::{self, Guard};
use cache_runtime::ports::Tokens;
use subject::Subject;

/// Whether the check fails.
macro_rules! fails {
    ($check:ident, $subject:expr) => {{
        let subject = $subject;
        let check = tokio::spawn(async move { leases::$check(&subject).await });
        check.await.is_err_and(|error| error.is_panic())
    }};
}

macro_rules! caught {
    ($guard:expr, $($check:ident),+) => {
        $(
            assert!(!fails!($check, Subject::in_process().await), "with all guards");
            assert!(!fails!($check, Subject::redis().await), "with all guards");
            guard::remove($guard);
            let (in_process, redis) = (Subject::in_process().await, Subject::redis().await);
            let failed = (fails!($check, in_process), fails!($check, redis));
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
        a_fill_needs_the_lease_that_stands_now,
        a_forced_lease_takes_over,
        an_invalidation_removes_value_and_lease,
        a_fill_delayed_past_a_newer_one_is_refused
    );
    caught!(
        Guard::InvalidateLease,
        an_invalidation_removes_value_and_lease,
        a_fill_delayed_past_a_newer_one_is_refused
    );
    caught!(Guard::LeaseAnchor, life_counts_from_the_lease, a_fill_after_its_life_is_too_late);

    let two_processes = || [RandomTokens::default(), RandomTokens::default()];
    let tokens =
        || two_processes().map(|tokens| tokens.token()).into_iter().collect::<HashSet<_>>();
    assert_eq!(tokens().len(), 2);
    guard::remove(Guard::RandomToken);
    let same = tokens().len();
    guard::restore();
    assert_eq!(same, 1, "a counter that begins again gives the same token again");
}
