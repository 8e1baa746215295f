//! All entries of a table at once.

use std::time::Duration;

use cache_runtime::ports::{Fence, Filled};

use crate::subject::{Answer, LONG, Subject};

const MS: Duration = Duration::from_millis(1);

pub async fn an_invalidated_table_has_no_entries(subject: &Subject) {
    let (one, two) = subject.keys_in_a_table();
    let (elsewhere, plain) = (subject.keys_in_a_table().0, subject.key());
    for key in [&one, &two, &elsewhere, &plain] {
        subject.put(key, "v1").await;
        assert_eq!(subject.get(key).await.as_deref(), Some("v1"));
    }
    let many = subject.store.get(&[one.clone(), plain.clone(), two.clone()]).await.unwrap();
    assert!(many.iter().all(Option::is_some));
    subject.invalidate(&one.whole_table().unwrap()).await;
    assert_eq!(subject.get(&one).await, None);
    assert_eq!(subject.get(&two).await, None);
    let many = subject.store.get(&[one.clone(), plain.clone(), two.clone()]).await.unwrap();
    assert_eq!(many.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(subject.get(&elsewhere).await.as_deref(), Some("v1"));
    assert!(subject.lease(&one, subject.token()).await.granted(), "no old value is in the way");
    subject.put(&one, "v2").await;
    assert_eq!(subject.get(&one).await.as_deref(), Some("v2"));
}

pub async fn leases_and_fences_of_before_fill_and_put_nothing(subject: &Subject) {
    let (one, two) = subject.keys_in_a_table();
    let (lease, fence) = (subject.token(), subject.token());
    assert!(subject.lease(&one, lease).await.granted());
    subject.fence(&two, fence).await;
    subject.invalidate(&one.whole_table().unwrap()).await;
    assert_eq!(subject.fill(&one, lease, "old").await, Filled::LeaseLost);
    assert!(!subject.lift(&two, fence, "old").await);
    assert_eq!((subject.get(&one).await, subject.get(&two).await), (None, None));
    assert!(subject.is_free(&one).await);
    assert!(subject.is_free(&two).await);
}

pub async fn a_fence_around_a_table_is_one_around_each_entry(subject: &Subject) {
    let (one, two) = subject.keys_in_a_table();
    let table = one.whole_table().unwrap();
    subject.put(&one, "v1").await;
    let (first, second) = (subject.token(), subject.token());
    subject.fence(&table, first).await;
    assert_eq!(subject.get(&one).await, None);
    for key in [&one, &two] {
        assert_eq!(subject.lease(key, subject.token()).await, Answer::Bypass);
        assert_eq!(subject.force(key, subject.token()).await, Answer::Bypass);
    }
    subject.fence(&table, second).await;
    subject.lift_empty(&table, first).await;
    assert_eq!(subject.lease(&one, subject.token()).await, Answer::Bypass, "the other stands");
    subject.lift_empty(&table, second).await;
    subject.put(&one, "v2").await;
    assert_eq!(subject.get(&one).await.as_deref(), Some("v2"));
}

pub async fn a_fence_around_a_table_expires_unless_renewed(subject: &Subject) {
    let (one, _) = subject.keys_in_a_table();
    let (table, token) = (one.whole_table().unwrap(), subject.token());
    assert!(!subject.renew(&table, token, LONG).await, "there is none");
    subject.fence_for(&table, token, 1500 * MS).await;
    assert!(subject.renew(&table, token, 3000 * MS).await);
    subject.pass(1600 * MS).await;
    assert_eq!(subject.lease(&one, subject.token()).await, Answer::Bypass);
    subject.pass(1600 * MS).await;
    assert!(subject.lease(&one, subject.token()).await.granted());
}

pub async fn tables_and_entries_go_in_one_batch(subject: &Subject) {
    let (one, _) = subject.keys_in_a_table();
    let (table, plain, token) = (one.whole_table().unwrap(), subject.key(), subject.token());
    let fence = |key: &_| Fence { key: Clone::clone(key), token, expiry: LONG };
    let fences = [fence(&plain), fence(&table), fence(&one)];
    assert_eq!(subject.store.fence(&fences).await.unwrap().len(), 3);
    let keys = [(plain.clone(), token), (table.clone(), token), (one.clone(), token)];
    assert_eq!(subject.store.renew(&keys, LONG).await.unwrap(), [true, true, true]);
    subject.invalidate(&plain).await;
    subject.lift_empty(&table, token).await;
    assert!(!subject.lift(&one, token, "v").await, "the table has changed since its fence");
    assert!(!subject.lift(&plain, token, "v").await);
}
