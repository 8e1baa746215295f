//! A hit on the in-process store neither waits nor allocates.

use allocation_counter::measure;
use cache_runtime::{Cache, InProcess, models};
use cache_tests::account::{Account, CREATE};
use cache_tests::databases::Sqlite;
use futures_util::FutureExt as _;

#[tokio::test]
async fn a_hit_allocates_nothing() {
    let sqlite = Sqlite::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a@example.com', 1)"]);
    let cache = Cache::builder(sqlite.pool.clone())
        .store(InProcess::new())
        .models(models![Account])
        .namespace("eu-prod")
        .build()
        .await
        .unwrap();
    let accounts = cache.repository::<Account>();
    for _ in 0..3 {
        accounts.find(1).await.unwrap().unwrap();
        accounts.find_by_email("a@example.com").await.unwrap().unwrap();
        accounts.find(2).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let statements = sqlite.statements.count();

    let by_key = measure(|| {
        for _ in 0..100 {
            let row = accounts.find(1).now_or_never().expect("a hit does not wait");
            assert_eq!(row.unwrap().unwrap().balance, 1);
        }
    });
    let absent = measure(|| {
        for _ in 0..100 {
            let row = accounts.find(2).now_or_never().expect("a hit does not wait");
            assert!(row.unwrap().is_none());
        }
    });
    let by_lookup = measure(|| {
        for _ in 0..100 {
            let row = accounts.find_by_email("a@example.com").now_or_never();
            assert_eq!(row.expect("a hit does not wait").unwrap().unwrap().id, 1);
        }
    });

    assert_eq!(sqlite.statements.since(statements), 0, "all were hits");
    assert_eq!((by_key.count_total, absent.count_total, by_lookup.count_total), (0, 0, 0));
    assert!(measure(|| drop(Box::new(1))).count_total > 0, "the count counts");
}
