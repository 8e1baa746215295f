// Included beside `body.rs`: reads that write.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_told_that_it_is_read_and_no_more_often_than_it_asks() {
    let world = World::new();
    let (_first, one) = process!(world, read::PageStats);
    let (_second, other) = process!(world, read::PageStats);
    let begun = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let row = |last_seen| read::PageStats {
        id: 1,
        title: "read".to_owned(),
        last_seen,
        ..Default::default()
    };
    one.enqueue(row(None)).await.unwrap().flushed().await.unwrap();
    one.pause_flushing().await;
    other.pause_flushing().await;

    // Many at once, in one process: one delta.
    let reads = (0..50).map(|_| {
        let one = one.clone();
        tokio::spawn(async move { one.find(1).await.unwrap().unwrap() })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.unwrap();
    }
    eventually(|| world.pending() > 0).await;
    // What is pending tells that it is not due: also others, and those who read many rows.
    let seen = other.find(1).await.unwrap().unwrap().last_seen.unwrap();
    assert!((begun..begun + 600).contains(&seen), "{seen} is not now, {begun}");
    one.find_many([1, 2]).await.unwrap();
    other.find_many([1, 2]).await.unwrap();
    one.enqueue_delete(9).await.unwrap();
    assert_eq!(world.pending(), 2, "one delta, and the deletion that came after it");

    one.enqueue(row(Some(begun - 4000))).await.unwrap();
    assert_eq!(other.find_many([1]).await.unwrap()[0].as_ref().unwrap().last_seen, Some(begun - 4000));
    eventually(|| world.pending() > 3).await;
    assert!(one.find(1).await.unwrap().unwrap().last_seen.unwrap() >= begun);
    // Nothing is set back by who reads with a clock that is behind.
    one.enqueue(row(Some(begun + 5000))).await.unwrap();
    assert_eq!(other.find(1).await.unwrap().unwrap().last_seen, Some(begun + 5000));
    one.resume_flushing();
    eventually(|| world.pending() == 0).await;
    let last_seen = page_stats::table.select(page_stats::last_seen);
    let last_seen: Vec<Option<i64>> = last_seen.load(&mut world.server.pool.get().unwrap()).unwrap();
    assert_eq!(last_seen, [Some(begun + 5000)]);
}

/// A read must not make the row again that it has read, nor park it, nor be in the way of a writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_makes_no_row_and_no_version() {
    let world = World::new();
    let (_cache, rows) = process!(world, read::PageStats);
    let row = read::PageStats { id: 1, title: "gone".to_owned(), ..Default::default() };
    rows.enqueue(row.clone()).await.unwrap().flushed().await.unwrap();
    rows.pause_flushing().await;
    rows.find(1).await.unwrap().unwrap();
    eventually(|| world.pending() == 1).await;
    diesel::delete(page_stats::table).execute(&mut world.server.pool.get().unwrap()).unwrap();
    assert_eq!(rows.find_uncached(1).await.unwrap(), None);
    rows.resume_flushing();
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [], "although a delta would make one");
    rows.enqueue(row).await.expect("nothing is parked");

    let (_cache, accounts) = process!(world, watched::Account);
    let account = |balance, version| watched::Account {
        id: 1,
        email: "a".to_owned(),
        balance,
        version,
    };
    accounts.enqueue(account(5, 0)).await.unwrap().flushed().await.unwrap();
    assert_eq!(world.version(), Some((5, 1)));
    let read = accounts.find(1).await.unwrap().unwrap();
    eventually(|| world.version().is_some_and(|(balance, _)| balance > 5)).await;
    assert_eq!(world.version().map(|(_, version)| version), Some(1), "as it was");
    accounts.enqueue(account(6, read.version)).await.expect("no other program has written it");
}
