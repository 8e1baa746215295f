//! What the store keeps, and how much of it.

use super::shard::SWEEP_AT;
use super::*;
use crate::values::key::KeyWriter;

fn key(number: u32) -> EntryKey {
    let mut writer = KeyWriter::default();
    writer.integer(number.into());
    EntryKey::from_writer(writer)
}

fn lease(store: &InProcess, number: u32, expiry: Duration) -> Leased {
    let token = Token(number.into());
    store.lease_one(&Lease { key: key(number), token, expiry, force: false, fingerprint: 0 })
}

fn fill(store: &InProcess, number: u32) -> Filled {
    let (token, payload) = (Token(number.into()), Payload::Shared(Arc::new(number)));
    let life = Duration::from_secs(60);
    store.fill_one(Fill { key: key(number), token, payload, version: None, life })
}

fn leases(store: &InProcess) -> usize {
    store.shards.iter().map(|shard| shard.lock().map_or(0, |shard| shard.grants.len())).sum()
}

fn fenced_entries(store: &InProcess) -> usize {
    store.shards.iter().map(|shard| shard.lock().map_or(0, |shard| shard.fences.len())).sum()
}

#[test]
fn renewing_a_fence_that_does_not_stand_leaves_nothing() {
    let store = InProcess::new();
    let expiry = Duration::from_secs(60);
    assert!(!store.renew_one(&key(1), Token(1), expiry));
    assert_eq!(fenced_entries(&store), 0);
    store.fence_one(&Fence { key: key(1), token: Token(1), expiry });
    assert!(store.renew_one(&key(1), Token(1), expiry));
    assert!(!store.renew_one(&key(1), Token(2), expiry));
    assert_eq!(fenced_entries(&store), 1);
    store.lift_one(Lift { key: key(1), token: Token(1), put: None });
    assert_eq!(fenced_entries(&store), 0);
}

#[test]
fn leases_that_nobody_ends_do_not_pile_up() {
    let store = InProcess::new();
    for number in 0..100_000 {
        assert!(matches!(lease(&store, number, Duration::ZERO), Leased::Granted(_)));
    }
    assert!(leases(&store) <= SHARDS * SWEEP_AT, "{}", leases(&store));
}

#[test]
fn leases_that_stand_survive_the_sweep() {
    let store = InProcess::new();
    let long = Duration::from_secs(60);
    (0..10_000).for_each(|number| drop(lease(&store, number, long)));
    (10_000..100_000).for_each(|number| drop(lease(&store, number, Duration::ZERO)));
    assert!((0..10_000).all(|number| fill(&store, number) == Filled::Accepted));
}

#[test]
fn the_capacity_is_kept() {
    for capacity in [0, 1, 1000] {
        let store = InProcess::with_capacity(capacity);
        for number in 0..20_000 {
            lease(&store, number, Duration::from_secs(60));
            assert_eq!(fill(&store, number), Filled::Accepted);
        }
        // Split over shards, the capacity is rounded up in each.
        assert!(store.values.len() <= capacity + 64, "{} of {capacity}", store.values.len());
        assert_eq!(leases(&store), 0);
    }
}
