//! A write of one entry: who is kept out meanwhile, and whose value may be put.

use std::time::Duration;

use cache_runtime::ports::{Fill, Filled};

use crate::subject::{Answer, Subject};

const MS: Duration = Duration::from_millis(1);

pub async fn a_fence_removes_value_and_lease(subject: &Subject) {
    let (key, token) = (subject.key(), subject.token());
    subject.put(&key, "v1").await;
    assert!(subject.force(&key, token).await.granted());
    subject.fence(&key, subject.token()).await;
    assert_eq!(subject.get(&key).await, None, "anomaly 7");
    assert_eq!(subject.fill(&key, token, "v1").await, Filled::LeaseLost, "anomaly 1");
    assert_eq!(subject.get(&key).await, None);
}

/// Anomaly 8.
pub async fn nobody_gets_a_lease_while_a_fence_stands(subject: &Subject) {
    let (key, fence) = (subject.key(), subject.token());
    subject.fence(&key, fence).await;
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Bypass);
    assert_eq!(subject.force(&key, subject.token()).await, Answer::Bypass);
    subject.lift_empty(&key, fence).await;
    assert!(subject.lease(&key, subject.token()).await.granted());
}

pub async fn a_fence_that_nobody_lifts_expires(subject: &Subject) {
    let key = subject.key();
    subject.fence_for(&key, subject.token(), 100 * MS).await;
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Bypass);
    subject.pass(200 * MS).await;
    assert!(subject.lease(&key, subject.token()).await.granted());
}

pub async fn a_lifted_fence_puts(subject: &Subject) {
    let (key, fence) = (subject.key(), subject.token());
    subject.put(&key, "v1").await;
    subject.fence(&key, fence).await;
    assert!(subject.lift(&key, fence, "v2").await);
    assert_eq!(subject.get(&key).await.as_deref(), Some("v2"));
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Hit("v2".into()));
}

/// Anomaly 11: the order of the two puts is not that of the commits.
pub async fn of_fences_that_overlap_none_puts(subject: &Subject) {
    let (key, first, second) = (subject.key(), subject.token(), subject.token());
    for order in [[first, second], [second, first]] {
        subject.fence(&key, first).await;
        subject.fence(&key, second).await;
        for token in order {
            assert!(!subject.lift(&key, token, "v").await);
            assert_eq!(subject.get(&key).await, None);
        }
        assert!(subject.is_free(&key).await, "both are gone");
    }
}

/// Anomalies 12 and 45: the fence was lost, or comes after its own end.
pub async fn without_its_fence_nothing_is_put(subject: &Subject) {
    let (key, fence) = (subject.key(), subject.token());
    assert!(!subject.lift(&key, fence, "never fenced").await);
    assert_eq!(subject.get(&key).await, None);
    subject.fence_for(&key, fence, 100 * MS).await;
    subject.pass(200 * MS).await;
    subject.put(&key, "newer").await;
    assert!(!subject.lift(&key, fence, "late").await);
    assert_eq!(subject.get(&key).await, None, "nobody knows which is newer");
}

/// Anomaly 46.
pub async fn what_removes_a_value_taints_the_fences(subject: &Subject) {
    let (key, fence, lost) = (subject.key(), subject.token(), subject.token());
    subject.fence(&key, fence).await;
    subject.invalidate(&key).await;
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Bypass, "it still stands");
    assert!(!subject.lift(&key, fence, "older than the invalidation").await);
    subject.fence(&key, fence).await;
    assert!(!subject.lift(&key, lost, "without its own fence").await);
    assert!(!subject.lift(&key, fence, "older than that removal").await);
    assert_eq!(subject.get(&key).await, None);
}

/// Anomaly 20. The margins are for a busy machine.
pub async fn the_life_of_a_put_counts_from_the_fence(subject: &Subject) {
    let (key, fence) = (subject.key(), subject.token());
    subject.fence(&key, fence).await;
    subject.pass(1000 * MS).await;
    assert!(subject.lift_for(&key, fence, "v", 2500 * MS).await);
    subject.pass(1600 * MS).await;
    assert_eq!(subject.get(&key).await, None, "2600 ms after the fence");
    subject.fence(&key, fence).await;
    subject.pass(60 * MS).await;
    assert!(!subject.lift_for(&key, fence, "v", 50 * MS).await, "it is over");
    assert_eq!(subject.get(&key).await, None);
}

/// Anomaly 10.
pub async fn a_renewal_prolongs_only_what_stands(subject: &Subject) {
    let (key, fence) = (subject.key(), subject.token());
    assert!(!subject.renew(&key, fence, 60_000 * MS).await);
    assert!(subject.is_free(&key).await, "it created none");
    subject.fence_for(&key, fence, 400 * MS).await;
    assert!(subject.renew(&key, fence, 60_000 * MS).await);
    subject.pass(600 * MS).await;
    assert_eq!(subject.lease(&key, subject.token()).await, Answer::Bypass);
    assert!(subject.lift(&key, fence, "v").await);
    subject.fence_for(&key, fence, 100 * MS).await;
    subject.pass(200 * MS).await;
    assert!(!subject.renew(&key, fence, 60_000 * MS).await, "it has ended");
    assert!(subject.is_free(&key).await);
}

pub async fn a_renewal_keeps_the_taint(subject: &Subject) {
    let (key, fence) = (subject.key(), subject.token());
    subject.fence(&key, fence).await;
    subject.invalidate(&key).await;
    assert!(subject.renew(&key, fence, 60_000 * MS).await);
    assert!(!subject.lift(&key, fence, "v").await);
}

/// A version lies where the envelope has it.
pub async fn a_fill_never_replaces_a_newer_version(subject: &Subject) {
    let envelope = |version: i64, present: bool| {
        let header = cache_runtime::wire::Header {
            codec: 1,
            kind: cache_runtime::wire::Kind::Row,
            present,
            fingerprint: 0,
            version,
            leased_at: 0,
        };
        cache_runtime::wire::open(header)
    };
    let key = subject.key();
    let fill = async |version: Option<i64>| {
        let token = subject.token();
        assert!(subject.force(&key, token).await.granted());
        let payload = match subject.store.form() {
            cache_runtime::ports::Form::Shared => subject.payload("v"),
            _ => {
                let bytes = envelope(version.unwrap_or(0), version.is_some());
                cache_runtime::ports::Payload::Bytes(bytes.into())
            }
        };
        subject.fill_as(Fill { payload, version, ..subject.a_fill(&key, token, "") }).await
    };
    for version in [5, 5, 1 << 60, (1 << 60) + 1] {
        assert_eq!(fill(Some(version)).await, Filled::Accepted);
    }
    for version in [-1, 5, 1 << 60] {
        assert_eq!(fill(Some(version)).await, Filled::Older);
    }
    assert_eq!(fill(None).await, Filled::Accepted, "the row is gone: nothing to compare");
    assert_eq!(fill(Some(1)).await, Filled::Accepted);
}
