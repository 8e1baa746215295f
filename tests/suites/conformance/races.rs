//! Operations that overlap on one entry.

use std::sync::Arc;

use cache_runtime::ports::Leased;
use tokio::sync::Barrier;

use crate::subject::Subject;

const ROUNDS: usize = 200;

pub async fn of_many_one_gets_the_lease(subject: &Subject) {
    for _ in 0..20 {
        let key = subject.key();
        let barrier = Arc::new(Barrier::new(50));
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (store, barrier) = (subject.store.clone(), barrier.clone());
                let lease = subject.a_lease(&key, subject.token());
                tokio::spawn(async move {
                    barrier.wait().await;
                    store.lease(&[lease]).await.unwrap().remove(0)
                })
            })
            .collect();
        let (mut granted, mut held) = (0, 0);
        for caller in callers {
            match caller.await.unwrap() {
                Leased::Granted(_) => granted += 1,
                Leased::Held => held += 1,
                Leased::Hit(_) | Leased::Bypass => panic!("nothing was filled"),
            }
        }
        assert_eq!((granted, held), (1, 49));
    }
}

/// Whichever comes first: the invalidation removes what was filled, or the fill
/// finds its lease gone.
pub async fn a_fill_and_an_invalidation_leave_nothing(subject: &Subject) {
    for _ in 0..ROUNDS {
        let (key, token) = (subject.key(), subject.token());
        assert!(subject.lease(&key, token).await.granted());
        let (store, fill) = (subject.store.clone(), subject.a_fill(&key, token, "v1"));
        let filling = tokio::spawn(async move { store.fill(vec![fill]).await.map(drop) });
        subject.invalidate(&key).await;
        filling.await.unwrap().unwrap();
        assert_eq!(subject.get(&key).await, None);
        assert!(subject.is_free(&key).await);
    }
}

pub async fn a_fill_and_a_release_leave_no_lease(subject: &Subject) {
    for _ in 0..ROUNDS {
        let (key, token) = (subject.key(), subject.token());
        assert!(subject.lease(&key, token).await.granted());
        let (store, fill) = (subject.store.clone(), subject.a_fill(&key, token, "v1"));
        let filling = tokio::spawn(async move { store.fill(vec![fill]).await.unwrap()[0] });
        subject.release(&key, token).await;
        let filled = filling.await.unwrap();
        let kept = subject.get(&key).await.is_some();
        assert_eq!(kept, filled == cache_runtime::ports::Filled::Accepted);
        assert!(kept || subject.is_free(&key).await);
    }
}
