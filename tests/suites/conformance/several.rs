//! Values of several builds under one key, as while a deploy rolls.

use std::time::Duration;

use bytes::Bytes;
use cache_runtime::EntryKey;
use cache_runtime::ports::{Fill, Filled, Lease, Leased, Lift, Payload, Put};
use cache_runtime::wire::{self, Header, Kind, MOST, Own};

use crate::subject::{LONG, Subject};

const MS: Duration = Duration::from_millis(1);

/// What a build has of a row: its fingerprint, and what it says.
#[derive(Clone, Copy)]
struct Build {
    fingerprint: u64,
    version: i64,
    present: bool,
}

fn build(fingerprint: u64) -> Build {
    Build { fingerprint, version: 0, present: true }
}

impl Build {
    fn envelope(self) -> Bytes {
        let Self { fingerprint, version, present } = self;
        let (codec, kind, leased_at) = (1, Kind::Row, 0);
        let header = Header { codec, kind, present, fingerprint, version, leased_at };
        let mut bytes = wire::open(header);
        if present {
            bytes.extend_from_slice(&vec![b'x'; fingerprint as usize]);
        }
        wire::close(bytes, 100).unwrap().into()
    }

    async fn lease(self, subject: &Subject, key: &EntryKey, force: bool) -> (Lease, Leased) {
        let fingerprint = self.fingerprint;
        let lease = Lease { force, fingerprint, ..subject.a_lease(key, subject.token()) };
        let leased = subject.store.lease(std::slice::from_ref(&lease)).await.unwrap().remove(0);
        (lease, leased)
    }

    async fn fill_under(self, subject: &Subject, lease: Lease, life: Duration) -> Filled {
        let fill = Fill {
            key: lease.key,
            token: lease.token,
            payload: Payload::Bytes(self.envelope()),
            version: Some(self.version).filter(|version| *version != 0),
            life,
        };
        subject.fill_as(fill).await
    }

    /// Misses, leases and fills.
    async fn fill(self, subject: &Subject, key: &EntryKey) {
        self.fill_for(subject, key, LONG).await;
    }

    async fn fill_for(self, subject: &Subject, key: &EntryKey, life: Duration) {
        let (lease, leased) = self.lease(subject, key, false).await;
        assert!(matches!(leased, Leased::Granted(_)), "another's value is none of its own");
        assert_eq!(self.fill_under(subject, lease, life).await, Filled::Accepted);
    }

    async fn refresh(self, subject: &Subject, key: &EntryKey) {
        let (lease, leased) = self.lease(subject, key, true).await;
        assert!(matches!(leased, Leased::Granted(_)));
        assert_eq!(self.fill_under(subject, lease, LONG).await, Filled::Accepted);
    }

    /// Whether it hits, and then only what it has filled; a lease tells the same.
    async fn hits(self, subject: &Subject, key: &EntryKey) -> bool {
        let found = subject.store.get(std::slice::from_ref(key)).await.unwrap().remove(0);
        let hit = match found {
            Some(Payload::Bytes(bytes)) => match wire::own(&bytes, self.fingerprint) {
                Own::Here(own) => {
                    assert_eq!(own, &self.envelope()[..]);
                    true
                }
                Own::Others => false,
                Own::Unknown => panic!("{bytes:?}"),
            },
            _ => false,
        };
        let (lease, leased) = self.lease(subject, key, false).await;
        match leased {
            Leased::Hit(Payload::Bytes(ref own)) => assert_eq!(*own, self.envelope()),
            Leased::Granted(_) => subject.release(key, lease.token).await,
            _ => panic!("neither held nor fenced"),
        }
        assert_eq!(hit, matches!(leased, Leased::Hit(_)), "a lease and a read agree");
        hit
    }
}

pub async fn each_build_has_its_own_value(subject: &Subject) {
    let (key, old, new) = (subject.key(), build(1), build(2));
    old.fill(subject, &key).await;
    let (lease, leased) = new.lease(subject, &key, false).await;
    assert!(matches!(leased, Leased::Granted(_)));
    let (_, other) = build(3).lease(subject, &key, false).await;
    assert!(matches!(other, Leased::Held), "there is one lease for all builds");
    assert!(old.hits(subject, &key).await, "a lease leaves the value served");
    assert_eq!(new.fill_under(subject, lease, LONG).await, Filled::Accepted);
    assert!(old.hits(subject, &key).await && new.hits(subject, &key).await);
}

/// Anomaly 1.
pub async fn what_removes_one_value_removes_all(subject: &Subject) {
    let (key, old, new) = (subject.key(), build(1), build(2));
    let both = async || {
        old.fill(subject, &key).await;
        new.fill(subject, &key).await;
    };
    both().await;
    subject.invalidate(&key).await;
    assert!(!old.hits(subject, &key).await && !new.hits(subject, &key).await);
    both().await;
    let fence = subject.token();
    subject.fence(&key, fence).await;
    let put = Some(Put { payload: Payload::Bytes(new.envelope()), version: None, life: LONG });
    let lift = Lift { key: key.clone(), token: fence, put };
    assert_eq!(subject.store.lift(vec![lift]).await.unwrap(), [true]);
    assert!(new.hits(subject, &key).await);
    assert!(!old.hits(subject, &key).await, "a put leaves nobody the row of before");
    let (lease, _) = old.lease(subject, &key, false).await;
    subject.invalidate(&key).await;
    assert_eq!(old.fill_under(subject, lease, LONG).await, Filled::LeaseLost);
}

/// Anomaly 20.
pub async fn no_fill_prolongs_the_life_of_anothers_value(subject: &Subject) {
    let (key, old, new) = (subject.key(), build(1), build(2));
    old.fill_for(subject, &key, 400 * MS).await;
    subject.pass(100 * MS).await;
    new.fill(subject, &key).await;
    assert!(old.hits(subject, &key).await && new.hits(subject, &key).await);
    subject.pass(500 * MS).await;
    assert!(!old.hits(subject, &key).await, "its life counts from its own lease");
    new.fill(subject, &key).await;
    old.fill_for(subject, &key, 400 * MS).await;
    subject.pass(500 * MS).await;
    assert!(!old.hits(subject, &key).await, "nor does it last for one with a longer life");
}

/// What another build keeps is the same row, as far as anybody can tell.
pub async fn what_says_something_else_of_the_row_goes(subject: &Subject) {
    let (old, new) = (build(1), build(2));
    let at = |build: Build, version| Build { version, ..build };
    let absent = |build: Build| Build { present: false, ..build };
    for (there, filled, kept) in [
        (old, new, true),
        (at(old, 5), at(new, 5), true),
        (at(old, 5), at(new, 6), false),
        (at(old, 5), new, false),
        (absent(old), absent(new), true),
        (absent(old), new, false),
        (old, absent(new), false),
    ] {
        let key = subject.key();
        there.fill(subject, &key).await;
        filled.fill(subject, &key).await;
        assert_eq!(there.hits(subject, &key).await, kept);
        assert!(filled.hits(subject, &key).await);
    }
    // A refresh is for rows that were changed unseen.
    for (there, filled, kept) in [(old, new, false), (at(old, 5), at(new, 5), true)] {
        let key = subject.key();
        there.fill(subject, &key).await;
        filled.refresh(subject, &key).await;
        assert_eq!(there.hits(subject, &key).await, kept);
        assert!(filled.hits(subject, &key).await);
    }
}

pub async fn what_its_table_made_void_is_not_kept(subject: &Subject) {
    let (key, _) = subject.keys_in_a_table();
    let (old, new) = (Build { version: 5, ..build(1) }, Build { version: 5, ..build(2) });
    old.fill(subject, &key).await;
    new.fill(subject, &key).await;
    assert!(old.hits(subject, &key).await && new.hits(subject, &key).await);
    subject.invalidate(&key.whole_table().unwrap()).await;
    // Nobody has looked since, so nobody has dropped it.
    let (lease, leased) = new.lease(subject, &key, true).await;
    assert!(matches!(leased, Leased::Granted(_)));
    assert_eq!(new.fill_under(subject, lease, LONG).await, Filled::Accepted);
    assert!(!old.hits(subject, &key).await);
}

pub async fn the_newest_values_are_kept(subject: &Subject) {
    let key = subject.key();
    for fingerprint in 1..=MOST as u64 + 1 {
        build(fingerprint).fill(subject, &key).await;
    }
    assert!(!build(1).hits(subject, &key).await, "the oldest has gone");
    for fingerprint in 2..=MOST as u64 + 1 {
        assert!(build(fingerprint).hits(subject, &key).await);
    }
}

/// Bytes that are no envelopes are the caller's to judge, and a fill ends them.
pub async fn bytes_of_nobody_are_given_back_and_not_kept(subject: &Subject) {
    let one = build(1).envelope();
    let torn = [&one[..], &one[..one.len() - 1]].concat();
    let longer = [&one[..], b"\0"].concat();
    for bytes in [b"of nobody".to_vec(), torn, longer, Vec::new()] {
        let (key, token) = (subject.key(), subject.token());
        let payload = Payload::Bytes(bytes.clone().into());
        assert!(subject.lease(&key, token).await.granted());
        let fill = Fill { payload, ..subject.a_fill(&key, token, "") };
        assert_eq!(subject.fill_as(fill).await, Filled::Accepted);
        let (_, leased) = build(2).lease(subject, &key, false).await;
        assert!(matches!(leased, Leased::Hit(Payload::Bytes(there)) if there == bytes));
        build(2).refresh(subject, &key).await;
        assert!(build(2).hits(subject, &key).await);
        assert!(!build(1).hits(subject, &key).await);
    }
}
