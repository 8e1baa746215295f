//! Many entries in one call, and what keys and values may hold.

use bytes::Bytes;
use cache_runtime::ports::{Filled, Form, Lease, Payload};

use crate::subject::{Answer, Subject, text};

pub async fn empty_batches_have_empty_answers(subject: &Subject) {
    let store = &subject.store;
    assert_eq!(store.get(&[]).await.unwrap().len(), 0);
    assert_eq!(store.lease(&[]).await.unwrap().len(), 0);
    assert_eq!(store.fill(vec![]).await.unwrap().len(), 0);
    store.release(&[]).await.unwrap();
    store.invalidate(&[]).await.unwrap();
}

pub async fn answers_come_in_the_order_of_the_request(subject: &Subject) {
    let keys: Vec<_> = (0..50).map(|_| subject.key()).collect();
    let tokens: Vec<_> = keys.iter().map(|_| subject.token()).collect();
    for (index, key) in keys.iter().enumerate() {
        match index % 3 {
            0 => subject.put(key, &format!("v{index}")).await,
            1 => assert!(subject.lease(key, tokens[index]).await.granted()),
            _ => {}
        }
    }
    // Backwards and then forwards: every key twice.
    let order: Vec<usize> = (0..keys.len()).rev().chain(0..keys.len()).collect();
    let asked: Vec<_> = order.iter().map(|index| keys[*index].clone()).collect();
    let got = subject.store.get(&asked).await.unwrap();
    let expected = |index: &usize| index.is_multiple_of(3).then(|| format!("v{index}"));
    assert_eq!(
        got.iter().map(|payload| payload.as_ref().map(text)).collect::<Vec<_>>(),
        order.iter().map(expected).collect::<Vec<_>>()
    );

    let leases: Vec<Lease> = keys.iter().map(|key| subject.a_lease(key, subject.token())).collect();
    let leased = subject.store.lease(&leases).await.unwrap();
    assert_eq!(leased.len(), keys.len());
    for (index, answer) in leased.iter().map(Answer::from).enumerate() {
        match index % 3 {
            0 => assert_eq!(answer, Answer::Hit(format!("v{index}"))),
            1 => assert_eq!(answer, Answer::Held),
            _ => assert!(answer.granted()),
        }
    }

    let fills = keys.iter().zip(&tokens).map(|(key, token)| subject.a_fill(key, *token, "w"));
    let filled = subject.store.fill(fills.collect()).await.unwrap();
    for (index, answer) in filled.into_iter().enumerate() {
        let held = index % 3 == 1;
        assert_eq!(answer, if held { Filled::Accepted } else { Filled::LeaseLost });
    }

    let claims: Vec<_> = leases.into_iter().map(|lease| (lease.key, lease.token)).collect();
    subject.store.release(&claims).await.unwrap();
    for key in keys.iter().skip(2).step_by(3) {
        assert!(subject.is_free(key).await);
    }
    subject.store.invalidate(&asked).await.unwrap();
    assert!(subject.store.get(&keys).await.unwrap().iter().all(Option::is_none));
}

pub async fn operations_on_one_key_take_effect_in_order(subject: &Subject) {
    let (key, first, second) = (subject.key(), subject.token(), subject.token());
    let leases = [
        subject.a_lease(&key, first),
        subject.a_lease(&key, second),
        Lease { force: true, ..subject.a_lease(&key, second) },
    ];
    let leased = subject.store.lease(&leases).await.unwrap();
    let leased: Vec<Answer> = leased.iter().map(Answer::from).collect();
    assert!(leased[0].granted() && leased[1] == Answer::Held && leased[2].granted(), "{leased:?}");
    let fills = vec![
        subject.a_fill(&key, first, "first"),
        subject.a_fill(&key, second, "second"),
        subject.a_fill(&key, second, "again"),
    ];
    assert_eq!(
        subject.store.fill(fills).await.unwrap(),
        [Filled::LeaseLost, Filled::Accepted, Filled::LeaseLost]
    );
    assert_eq!(subject.get(&key).await.as_deref(), Some("second"));
}

pub async fn no_key_reaches_another(subject: &Subject) {
    let parts: [&[u8]; 9] =
        [b"", b"a", b"a:", b":", b"{a}", b"}{", b"\0", b"\r\n$1\r\n", &[0xff, 0xfe, b'{']];
    let keys: Vec<_> = parts.iter().map(|part| subject.key_of(part)).collect();
    for (index, key) in keys.iter().enumerate() {
        subject.put(key, &index.to_string()).await;
    }
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(subject.get(key).await, Some(index.to_string()));
        subject.invalidate(key).await;
        assert_eq!(subject.get(key).await, None);
    }
    let long = subject.key_of(&[b'x'; 4000]);
    subject.put(&long, "long").await;
    assert_eq!(subject.get(&long).await.as_deref(), Some("long"));
}

pub async fn values_are_kept_byte_for_byte(subject: &Subject) {
    if subject.store.form() != Form::Bytes {
        return;
    }
    let every: Vec<u8> = (0..=255).collect();
    for bytes in [Vec::new(), every.clone(), every.repeat(4096)] {
        let (key, token) = (subject.key(), subject.token());
        assert!(subject.lease(&key, token).await.granted());
        let mut fill = subject.a_fill(&key, token, "");
        fill.payload = Payload::Bytes(Bytes::from(bytes.clone()));
        assert_eq!(subject.fill_as(fill).await, Filled::Accepted);
        let got = subject.store.get(std::slice::from_ref(&key)).await.unwrap();
        assert!(matches!(&got[0], Some(Payload::Bytes(got)) if *got == bytes));
    }
}
