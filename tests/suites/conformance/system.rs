//! The contracts of the ports `Clock` and `Tokens`.

use std::collections::HashSet;
use std::time::Duration;

use cache_runtime::ports::{Clock, Tokens};
use cache_runtime::{RandomTokens, SystemClock};

use cache_runtime::testing::ManualClock;

#[tokio::test]
async fn the_machines_clock_goes_forward_and_sleeps_long_enough() {
    let clock = SystemClock::default();
    let mut last = clock.now();
    for _ in 0..10_000 {
        let now = clock.now();
        assert!(now >= last);
        last = now;
    }
    for time in [Duration::ZERO, Duration::from_millis(1), Duration::from_micros(7300)] {
        let before = clock.now();
        clock.sleep(time).await;
        assert!(clock.now().since(before) >= time);
    }
}

#[tokio::test]
async fn the_manual_clock_wakes_sleepers_in_time() {
    let clock = ManualClock::default();
    let early = clock.sleep(Duration::from_secs(1));
    let mut late = clock.sleep(Duration::from_secs(2));
    clock.advance(Duration::from_secs(1));
    early.await;
    let waited = tokio::time::timeout(Duration::from_millis(5), &mut late).await;
    assert!(waited.is_err(), "its time has not come");
    clock.advance(Duration::from_secs(1));
    late.await;
}

#[test]
fn tokens_differ_between_calls_threads_and_sources() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let tokens = RandomTokens::default();
                (0..5_000).map(|_| tokens.token()).collect::<Vec<_>>()
            })
        })
        .collect();
    let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    // Every bit is used: in 20,000 tokens none is always the same.
    let (ones, zeros) =
        all.iter().fold((0, 0), |(ones, zeros), token| (ones | token.0, zeros | !token.0));
    assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
}
