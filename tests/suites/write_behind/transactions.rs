// Included beside `body.rs`: what transactions enqueue.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_enqueues_with_all_else_that_it_does_or_not_at_all() {
    let world = World::new();
    let (cache, rows) = process!(world);
    rows.enqueue(page(1, 1)).await.unwrap().flushed().await.unwrap();
    rows.pause_flushing().await;
    let delta = |views| PageStats::delta().views(views);
    let kept = cache.transaction(async |tx| {
        tx.repository::<PageStats>().merge(1, delta(10))?;
        tx.repository::<PageStats>().enqueue(page(2, 2))?;
        let undone = tx.savepoint(async |tx| {
            tx.repository::<PageStats>().merge(1, delta(100))?;
            Err::<(), _>(unwanted())
        });
        assert!(undone.await.is_err());
        assert_eq!(rows.find(2).await?, None, "it is not durable yet");
        tx.repository::<PageStats>().merge(2, delta(20))
    });
    kept.await.unwrap();
    assert_eq!(rows.find(1).await.unwrap().unwrap().views, 11);
    assert_eq!(rows.find(2).await.unwrap().unwrap().views, 22);
    let undone = cache.transaction(async |tx| {
        tx.repository::<PageStats>().enqueue_delete(1)?;
        Err::<(), _>(unwanted())
    });
    assert!(undone.await.is_err());
    assert_eq!(world.pending(), 3);
    rows.resume_flushing();
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(1, 11), (2, 22)]);
    drop((cache, rows));

    let (cache, rows) = process!(world, small::PageStats);
    rows.pause_flushing().await;
    let full = cache.transaction(async |tx| {
        for id in 11..15 {
            let row = small::PageStats { id, title: format!("t{id}"), ..Default::default() };
            tx.repository::<small::PageStats>().enqueue(row)?;
        }
        Ok::<_, Error>(())
    });
    assert_eq!(full.await.unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(world.pending(), 0, "all or nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_and_groups_of_several_processes_neither_deadlock_nor_lose() {
    let world = World::new();
    let (one_cache, one) = process!(world);
    let (other_cache, _other) = process!(world);
    for id in 1..=8 {
        one.enqueue(page(id, 0)).await.unwrap();
    }
    let mut tasks = Vec::new();
    for number in 0..12 {
        let cache = if number % 2 == 0 { one_cache.clone() } else { other_cache.clone() };
        let rows = one.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..5 {
                let work = cache.transaction(async |tx| {
                    let mut rows = tx.repository::<PageStats>();
                    // In no order: the heads are taken in theirs.
                    for id in [8 - (number + round) % 8, 1 + (number + round) % 8] {
                        rows.merge(id, PageStats::delta().views(1))?;
                    }
                    Ok::<_, Error>(())
                });
                work.await.unwrap();
                rows.merge(1 + number % 8, PageStats::delta().views(1)).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    eventually(|| world.pending() == 0).await;
    let sum: i64 = world.rows().iter().map(|(_, views)| views).sum();
    assert_eq!(sum, 12 * 5 * 3);
}
