// Included beside `body.rs`: programs that write the table past the cache.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_based_on_an_older_row_is_refused_and_overwrites_nothing() {
    let world = World::new();
    let (_cache, rows) = process!(world, modes::behind_reject::Account);
    let version = async || rows.find(1).await.unwrap().unwrap().version;
    rows.enqueue(account(1, 0)).await.unwrap();
    assert_eq!(version().await, 1);
    rows.pause_flushing().await;
    rows.enqueue(account(2, 1)).await.unwrap();
    rows.merge(1, modes::behind_reject::Account::delta().balance(10)).await.unwrap();
    assert_eq!(version().await, 3, "a delta is based on nothing, and counts up");
    for stale in [0, 1, 2, 4] {
        let refused = rows.enqueue(account(9, stale)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    }
    rows.resume_flushing();
    rows.enqueue(account(30, 3)).await.unwrap().flushed().await.unwrap();
    assert_eq!(world.version(), Some((30, 4)));

    // The cache knows nothing of what another program writes, but is asked for nothing else again.
    world.server.execute("UPDATE versions SET balance = 100, version = 9");
    let stale = rows.find(1).await.unwrap().unwrap();
    let refused = rows.enqueue((*stale).clone()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert_eq!(version().await, 9);
    rows.pause_flushing().await;
    let delta = modes::behind_reject::Account::delta().balance(1);
    let delta = rows.merge(1, delta).await.unwrap();
    world.server.execute("UPDATE versions SET balance = 200, version = 10");
    rows.resume_flushing();
    delta.flushed().await.unwrap();
    assert_eq!(world.version(), Some((201, 11)), "a delta loses nothing of what others write");

    rows.pause_flushing().await;
    let gone = rows.enqueue_delete(1).await.unwrap();
    let anew = rows.enqueue(account(1, 11)).await.unwrap_err();
    assert_eq!(anew.kind(), ErrorKind::Conflict, "nobody makes a row again that is gone");
    world.server.execute("UPDATE versions SET balance = 300, version = 12");
    rows.resume_flushing();
    assert_eq!(gone.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    assert_eq!(world.version(), Some((300, 12)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_in_conflict_holds_up_no_other() {
    let world = World::new();
    let (_cache, rows) = process!(world, modes::behind_reject::Account);
    rows.enqueue(account(1, 0)).await.unwrap().flushed().await.unwrap();
    rows.pause_flushing().await;
    rows.enqueue(account(2, 1)).await.unwrap();
    world.server.execute("UPDATE versions SET balance = 100, version = 9");
    let other = modes::behind_reject::Account { id: 2, email: "b".into(), balance: 5, version: 0 };
    let (refused, taken) = tokio::join!(rows.enqueue(account(3, 2)), rows.enqueue(other));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Parked, "it will be, by the next flush");
    taken.unwrap();
    assert_eq!(rows.find_uncached(1).await.unwrap_err().kind(), ErrorKind::Parked);
    assert_eq!(rows.find_uncached(2).await.unwrap().unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_came_meanwhile_is_a_conflict_too() {
    let world = World::new();
    let (_cache, rows) = process!(world, modes::behind_reject::Account);
    rows.pause_flushing().await;
    let new = rows.enqueue(account(1, 0)).await.unwrap();
    world.server.execute("INSERT INTO versions VALUES (1, 'b', 5, 1)");
    rows.resume_flushing();
    assert_eq!(new.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    assert_eq!(world.version(), Some((5, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_replaces_a_row_unseen_is_counted_where_the_model_says_so() {
    use modes::behind_overwrite::Account;
    let world = World::new();
    let told = Recorder::default();
    let (_cache, rows) = process!(world, Account, told.clone());
    let conflicts = || told.count("Account", |event| matches!(event, Event::Conflicts(1)));
    let account = |balance, version| Account { id: 1, email: "a".into(), balance, version };
    rows.enqueue(account(1, 0)).await.unwrap().flushed().await.unwrap();
    let seen = rows.find(1).await.unwrap().unwrap();
    assert_eq!((seen.version, conflicts()), (1, 0));
    rows.pause_flushing().await;
    let unseen = rows.enqueue(account(2, 1)).await.unwrap();
    world.server.execute("UPDATE versions SET balance = 100, version = 5");
    rows.resume_flushing();
    unseen.flushed().await.unwrap();
    assert_eq!(world.version(), Some((2, 6)));
    assert_eq!(conflicts(), 1);
    rows.invalidate(1).await;
    let seen = rows.find(1).await.unwrap().unwrap();
    let seen = Account { balance: 3, ..(*seen).clone() };
    rows.enqueue(seen).await.unwrap().flushed().await.unwrap();
    assert_eq!((world.version(), conflicts()), (Some((3, 7)), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_queued_behind_parked_writes_overwrites_nothing_either() {
    let world = World::new();
    let (cache, rows) = process!(world, queued::Account);
    let account =
        |balance, version| queued::Account { id: 1, email: "a".into(), balance, version };
    rows.enqueue(account(1, 0)).await.unwrap().flushed().await.unwrap();
    rows.pause_flushing().await;
    let overtaken = rows.enqueue(account(2, 1)).await.unwrap();
    world.server.execute("UPDATE versions SET balance = 100, version = 9");
    rows.resume_flushing();
    assert_eq!(overtaken.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    rows.enqueue(account(3, 1)).await.unwrap();
    rows.enqueue_delete(1).await.unwrap();
    world.server.execute("UPDATE versions SET balance = 200, version = 10");

    let outboxes = cache.outboxes();
    let table = outboxes.status().await.unwrap().remove(0).table;
    // Skipped one after the other: the row, which is based on version 1; and the deletion, on 9.
    for left in [2, 1] {
        let parked = outboxes.parked().await.unwrap().remove(0);
        assert_eq!(parked.payloads.len(), left + 1);
        assert!(outboxes.decide(&parked, Fate::Skip).await.unwrap());
        let mut writes = Vec::new();
        for _ in 0..1500 {
            writes = outboxes.writes(&table, "i1:1").await.unwrap();
            if writes.iter().all(|write| write.parked.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(writes.len(), left, "they are parked again");
        assert_eq!(world.version(), Some((200, 10)));
    }
}
