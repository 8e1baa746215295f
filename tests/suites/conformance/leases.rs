//! One entry: who may fill it, until when, and what ends it.

use std::time::Duration;

use cache_runtime::ports::{Fill, Filled, Lease};

use crate::subject::{Answer, LONG, Subject};

const MS: Duration = Duration::from_millis(1);

pub async fn where_nothing_is_there_a_read_misses(subject: &Subject) {
    let key = subject.key();
    assert_eq!(subject.get(&key).await, None);
    let token = subject.token();
    subject.lease(&key, token).await;
    assert_eq!(subject.get(&key).await, None, "a lease is not a value");
}

pub async fn a_fill_under_the_lease_is_a_hit_for_everybody(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    assert!(subject.lease(&key, token).await.granted());
    assert_eq!(subject.fill(&key, token, "v1").await, Filled::Accepted);
    assert_eq!(subject.get(&key).await.as_deref(), Some("v1"));
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Hit("v1".into()));
    assert_eq!(subject.lease(&key, token).await, Answer::Hit("v1".into()));
}

pub async fn a_lease_keeps_others_out(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    assert!(subject.lease(&key, token).await.granted());
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Held);
    assert!(subject.lease(&key, token).await.granted(), "not out of its own lease");
    assert_eq!(subject.fill(&key, token, "v1").await, Filled::Accepted);
}

pub async fn a_forced_lease_takes_over(subject: &Subject) {
    let (key, first, second) = (subject.key(), subject.token(), subject.token());
    assert!(subject.lease(&key, first).await.granted());
    assert!(subject.force(&key, second).await.granted());
    assert_eq!(subject.fill(&key, first, "first").await, Filled::LeaseLost);
    assert_eq!(subject.get(&key).await, None);
    assert_eq!(subject.fill(&key, second, "second").await, Filled::Accepted);
    assert_eq!(subject.get(&key).await.as_deref(), Some("second"));
}

pub async fn a_forced_lease_leaves_the_value_served(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    subject.put(&key, "old").await;
    assert!(subject.force(&key, token).await.granted());
    assert_eq!(subject.get(&key).await.as_deref(), Some("old"));
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Hit("old".into()));
    assert_eq!(subject.fill(&key, token, "new").await, Filled::Accepted);
    assert_eq!(subject.get(&key).await.as_deref(), Some("new"));
}

pub async fn a_fill_needs_the_lease_that_stands_now(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    assert_eq!(subject.fill(&key, token, "none").await, Filled::LeaseLost);
    assert!(subject.lease(&key, token).await.granted());
    assert_eq!(subject.fill(&key, subject.token(), "other").await, Filled::LeaseLost);
    assert_eq!(subject.get(&key).await, None);
    assert_eq!(subject.fill(&key, token, "own").await, Filled::Accepted);
    assert_eq!(subject.fill(&key, token, "twice").await, Filled::LeaseLost);
    assert_eq!(subject.get(&key).await.as_deref(), Some("own"));
}

pub async fn a_lease_ends_at_its_expiry(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    let lease = Lease { expiry: 100 * MS, ..subject.a_lease(&key, token) };
    assert!(subject.lease_as(lease).await.granted());
    subject.pass(200 * MS).await;
    assert_eq!(subject.fill(&key, token, "late").await, Filled::LeaseLost);
    assert!(subject.is_free(&key).await);
}

/// Anomaly 1.
pub async fn an_invalidation_removes_value_and_lease(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    subject.put(&key, "v1").await;
    assert!(subject.force(&key, token).await.granted());
    subject.invalidate(&key).await;
    assert_eq!(subject.get(&key).await, None);
    assert_eq!(subject.fill(&key, token, "v1").await, Filled::LeaseLost);
    assert_eq!(subject.get(&key).await, None);
    assert!(subject.is_free(&key).await);
    subject.invalidate(&key).await;
}

/// Anomaly 2.
pub async fn a_fill_delayed_past_a_newer_one_is_refused(subject: &Subject) {
    let (key, slow, quick) = (subject.key(), subject.token(), subject.token());
    assert!(subject.lease(&key, slow).await.granted());
    subject.invalidate(&key).await;
    assert!(subject.lease(&key, quick).await.granted());
    assert_eq!(subject.fill(&key, slow, "v1").await, Filled::LeaseLost);
    assert_eq!(subject.fill(&key, quick, "v2").await, Filled::Accepted);
    assert_eq!(subject.fill(&key, slow, "v1").await, Filled::LeaseLost);
    assert_eq!(subject.get(&key).await.as_deref(), Some("v2"));
    subject.invalidate(&key).await;
    assert_eq!(subject.fill(&key, slow, "v1").await, Filled::LeaseLost);
    assert_eq!(subject.get(&key).await, None);
}

/// Anomaly 20. The margins are for a busy machine: time that passes unasked can
/// only make the value older.
pub async fn life_counts_from_the_lease(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    assert!(subject.lease(&key, token).await.granted());
    subject.pass(1000 * MS).await;
    let fill = Fill { life: 2500 * MS, ..subject.a_fill(&key, token, "v1") };
    assert_eq!(subject.fill_as(fill).await, Filled::Accepted);
    assert_eq!(subject.get(&key).await.as_deref(), Some("v1"));
    subject.pass(1600 * MS).await;
    assert_eq!(subject.get(&key).await, None, "2600 ms after the lease, 1600 ms after the fill");
    assert!(subject.is_free(&key).await);
}

pub async fn a_fill_after_its_life_is_too_late(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    subject.put(&key, "old").await;
    assert!(subject.force(&key, token).await.granted());
    subject.pass(60 * MS).await;
    let fill = Fill { life: 50 * MS, ..subject.a_fill(&key, token, "new") };
    assert_eq!(subject.fill_as(fill.clone()).await, Filled::TooLate);
    assert_eq!(subject.get(&key).await.as_deref(), Some("old"));
    assert_eq!(subject.fill_as(fill).await, Filled::LeaseLost, "it ended the lease");
}

pub async fn only_its_token_releases_a_lease(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    subject.release(&key, token).await;
    assert!(subject.lease(&key, token).await.granted());
    subject.release(&key, subject.token()).await;
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Held);
    subject.release(&key, token).await;
    assert_eq!(subject.fill(&key, token, "released").await, Filled::LeaseLost);
    subject.put(&key, "v1").await;
    subject.release(&key, token).await;
    assert_eq!(subject.get(&key).await.as_deref(), Some("v1"), "a value is not a lease");
}

pub async fn the_time_of_a_lease_goes_forward(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    let mut times = Vec::new();
    for _ in 0..2 {
        let Answer::Granted(at) = subject.lease(&key, token).await else {
            panic!("the lease is free");
        };
        times.push(at);
        subject.pass(20 * MS).await;
    }
    let passed = times[1].checked_sub(times[0]).expect("time goes forward");
    assert!((19_000..10_000_000).contains(&passed), "{passed} µs");
}

pub async fn extreme_durations_are_taken(subject: &Subject) {
    for (expiry, life, kept) in
        [(Duration::MAX, Duration::MAX, true), (LONG, Duration::ZERO, false)]
    {
        let (key, token) = (subject.key(), subject.token());
        let lease = Lease { expiry, ..subject.a_lease(&key, token) };
        assert!(subject.lease_as(lease).await.granted());
        let fill = Fill { life, ..subject.a_fill(&key, token, "v") };
        let filled = subject.fill_as(fill).await;
        assert_eq!(filled, if kept { Filled::Accepted } else { Filled::TooLate });
        assert_eq!(subject.get(&key).await.is_some(), kept);
    }
    let (key, token) = (subject.key(), subject.token());
    let lease = Lease { expiry: Duration::ZERO, ..subject.a_lease(&key, token) };
    assert!(subject.lease_as(lease).await.granted());
    subject.pass(20 * MS).await;
    assert_eq!(subject.fill(&key, token, "v").await, Filled::LeaseLost);
}
