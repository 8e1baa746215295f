// Included once for each column of the matrix: `Driver`, `Server`, `open` and `KIND` are
// the column's own.

/// A database and a store on which processes are started.
struct World {
    server: Server,
    driver: Driver,
    store: Arc<dyn Store>,
    namespace: String,
}

impl World {
    fn new() -> Self {
        let (server, driver) = open();
        Self { server, driver, store: KIND.store(), namespace: namespace() }
    }

    /// What is in the outbox: how many entries, and how many buckets that are void as a whole.
    fn owed(&self) -> (usize, usize) {
        let rows: Vec<Option<String>> = cache_invalidations::table
            .select(cache_invalidations::entries)
            .load(&mut self.server.pool.get().unwrap())
            .unwrap();
        let entries = rows.iter().flatten().map(|entries| entries.split(' ').count()).sum();
        (entries, rows.iter().filter(|entries| entries.is_none()).count())
    }

    /// The same, and empties it.
    fn taken(&self) -> (usize, usize) {
        let owed = self.owed();
        self.server.execute("DELETE FROM cache_invalidations");
        owed
    }

    /// The names of the watermarks as the database remembers them.
    fn names(&self) -> Vec<String> {
        cache_watermarks::table
            .order(cache_watermarks::bucket)
            .select(cache_watermarks::name)
            .load(&mut self.server.pool.get().unwrap())
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_write_leaves_what_it_changed() {
    let world = World::new();
    let (gate, cache, rows) = process!(world);
    let relay = gate.hold("mark:before");
    assert!(relay.reached().await, "the relay stands still");

    rows.insert(account(1, "a")).await.unwrap();
    assert_eq!(world.taken(), (2, 0), "the row and its email");
    rows.update(1, balance(1)).await.unwrap();
    assert_eq!(world.taken(), (2, 0));
    let renamed = AccountChanges { email: Some("b".into()), balance: None };
    rows.update(1, renamed).await.unwrap();
    assert_eq!(world.taken(), (3, 0), "the old email too");
    rows.upsert(2, account(2, "c"), balance(0)).await.unwrap();
    assert_eq!(world.taken(), (2, 0));
    rows.upsert(2, account(2, "c"), balance(5)).await.unwrap();
    assert_eq!(world.taken(), (2, 0));
    rows.update_where(accounts::id.lt(9), balance(7)).await.unwrap();
    assert_eq!(world.taken(), (4, 0));

    let kept: Result<(), cache_runtime::Error> = cache
        .transaction(async |tx| {
            let mut rows = tx.repository::<Account>();
            rows.update(1, balance(8)).await?;
            let undone: Result<(), cache_runtime::Error> = tx
                .savepoint(async |tx| {
                    tx.repository::<Account>().update(2, balance(8)).await?;
                    Err(cache_runtime::Error::new(ErrorKind::Conflict, "undo it"))
                })
                .await;
            assert!(undone.is_err());
            Ok(())
        })
        .await;
    kept.unwrap();
    assert_eq!(world.taken(), (2, 0), "what the savepoint undid is not among it");
    let undone: Result<(), cache_runtime::Error> = cache
        .transaction(async |tx| {
            tx.repository::<Account>().update(1, balance(9)).await?;
            Err(cache_runtime::Error::new(ErrorKind::Conflict, "undo it"))
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(world.taken(), (0, 0), "nothing was written");

    let mut own = world.server.establish();
    let touched = own
        .transaction(|connection| {
            diesel::update(accounts::table.find(1)).set(accounts::balance.eq(3)).execute(connection)?;
            Ok::<_, Box<dyn std::error::Error>>(cache.touch::<Account>(connection, [1]).unwrap())
        })
        .unwrap();
    assert_eq!(world.taken(), (2, 0), "the application's own transaction has committed it");
    touched.committed().await;
    let rolled_back = own.transaction(|connection| {
        cache.touch::<Account>(connection, [1]).unwrap().rolled_back();
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    assert!(rolled_back.is_err());
    assert_eq!(world.taken(), (0, 0));

    rows.invalidate(1).await;
    assert_eq!(world.taken(), (1, 0));
    rows.invalidate_by_email("b").await;
    assert_eq!(world.taken(), (1, 0));
    rows.invalidate_table().await.unwrap();
    assert_eq!(world.taken(), (0, 16), "each bucket as a whole");
    rows.delete(1).await.unwrap();
    assert_eq!(world.taken(), (2, 0));
    rows.delete_where(accounts::id.eq(2)).await.unwrap();
    assert_eq!(world.taken(), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_written_stays_cached_and_costs_no_write() {
    let world = World::new();
    let (_, _, writer) = process!(world);
    let (gate, _, reader) = process!(world);
    for id in 1..=9 {
        writer.insert(account(id, &format!("e{id}"))).await.unwrap();
    }
    tokio::time::sleep(BOUND).await;
    assert_eq!(world.owed(), (0, 0), "the relay has applied it");
    for id in 1..=9 {
        assert!(reader.find(id).await.unwrap().is_some());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (names, leases) = (world.names(), gate.passed("lease:before"));
    for _ in 0..3 {
        tokio::time::sleep(BOUND).await;
        for id in 1..=9 {
            assert!(reader.find(id).await.unwrap().is_some());
        }
    }
    assert_eq!(gate.passed("lease:before"), leases, "each was a hit, long after the bound");
    assert_eq!(world.names(), names, "an idle bucket is not written");
    writer.update(5, balance(1)).await.unwrap();
    tokio::time::sleep(BOUND).await;
    let changed = names.iter().zip(world.names()).filter(|(old, new)| *old != new).count();
    assert!((1..=2).contains(&changed), "the row's bucket and the email's, not {changed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_takes_over() {
    let world = World::new();
    let (stalled, _, writer) = process!(world);
    let (gate, _, reader) = process!(world);
    writer.insert(account(1, "a")).await.unwrap();
    let relay = stalled.hold("mark:before");
    assert!(relay.reached().await, "the first process leads");
    assert_eq!(gate.passed("mark:before"), 0, "and the other waits");
    tokio::time::sleep(BOUND * 3).await;
    assert!(gate.passed("mark:before") > 0, "now it leads");
    let _ = reader.find(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let leases = gate.passed("lease:before");
    assert!(reader.find(1).await.unwrap().is_some());
    assert_eq!(gate.passed("lease:before"), leases, "and hits are back");
    // The stalled one goes on: what it says is old, and does no harm.
    relay.open();
    writer.update(1, balance(4)).await.unwrap();
    tokio::time::sleep(BOUND).await;
    assert_eq!(reader.find(1).await.unwrap().unwrap().balance, 4);
}

#[tokio::test]
async fn without_its_tables_it_says_where_they_are() {
    let world = World::new();
    world.server.execute("DROP TABLE cache_leaders");
    let built = Cache::builder(world.driver.clone())
        .shared_store(world.store.clone())
        .models(models![Account])
        .build()
        .await;
    let Err(error) = built else { panic!("it was built") };
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("cache-ctl migrations export"), "{error}");
}

#[tokio::test]
async fn a_margin_that_leaves_nothing_is_refused() {
    let world = World::new();
    let built = Cache::builder(world.driver.clone())
        .shared_store(world.store.clone())
        .models(models![Account])
        .clock_margin(BOUND)
        .build()
        .await;
    let Err(error) = built else { panic!("it was built") };
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("clock_margin"), "{error}");
}

#[tokio::test]
async fn the_tables_go_only_when_nothing_waits() {
    let world = World::new();
    let down = |world: &World| {
        world.server.establish().batch_execute(migration::<Server>("cache_invalidations").down)
    };
    world.server.execute("INSERT INTO cache_invalidations (scope, bucket) VALUES ('00', 1)");
    assert!(down(&world).is_err(), "a change waits to be applied");
    assert_eq!(world.owed(), (0, 1), "and still does");
    world.server.execute("DELETE FROM cache_invalidations");
    down(&world).unwrap();
    world.server.execute(migration::<Server>("cache_invalidations").up);
}
