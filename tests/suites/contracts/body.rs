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

    /// A kind as it is called.
    fn kind(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace)
    }

    fn registered(&self) -> i64 {
        cache_processes::table.count().get_result(&mut self.server.pool.get().unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_list_is_served_when_the_last_is_gone_that_does_not_know_it() {
    let world = World::new();
    let (_, old_cache, old_rows) = process!(world, old);
    assert!(old_cache.withheld().is_empty(), "it is alone");
    let (gate, cache, rows) = process!(world, new);
    assert_eq!(cache.withheld(), [world.kind("accounts list by_balance")]);
    assert!(old_cache.withheld().is_empty(), "all that it has the new one knows");

    old_rows.insert(old::NewAccount::new(1, 5)).await.unwrap();
    assert_eq!(rows.list_by_balance(5).await.unwrap().len(), 1);
    settle().await;
    let leases = gate.passed("lease:before");
    assert_eq!(rows.list_by_balance(5).await.unwrap().len(), 1);
    assert_eq!(gate.passed("lease:before"), leases, "nothing was to be filled");
    assert!(rows.find(1).await.unwrap().is_some());
    settle().await;
    let leases = gate.passed("lease:before");
    assert!(rows.find(1).await.unwrap().is_some());
    assert_eq!(gate.passed("lease:before"), leases, "rows are served all the while");

    drop((old_cache, old_rows));
    eventually!(cache.withheld().is_empty());
    assert_eq!(world.registered(), 1, "it has said goodbye");
    assert_eq!(rows.list_by_balance(5).await.unwrap().len(), 1);
    settle().await;
    let (leases, loads) = (gate.passed("lease:before"), gate.passed("load:before"));
    assert_eq!(rows.list_by_balance(5).await.unwrap().len(), 1);
    assert_eq!(gate.passed("lease:before"), leases, "a hit");
    assert_eq!(gate.passed("load:before"), loads, "and no statement for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knows_less_waits_and_whoever_knows_all_does_not() {
    let world = World::new();
    let (gate, cache, _) = process!(world, new);
    let beat = gate.hold("begin:before");
    assert!(beat.reached().await);
    let begun = std::time::Instant::now();
    let (_, same, _) = process!(world, new_through);
    assert!(begun.elapsed() < LEASE, "it asks nobody");
    assert!(same.withheld().is_empty());
    drop(same);
    let driver = world.driver.clone();
    let (store, name) = (world.store.clone(), world.namespace.clone());
    let rolled_back = tokio::spawn(async move {
        Cache::builder(driver)
            .shared_store(store)
            .models(models![old::Account])
            .namespace(name)
            .register_contracts()
            .contract_lease(LEASE)
            .build()
            .await
            .unwrap()
    });
    tokio::time::sleep(BEATS / 2).await;
    assert!(!rolled_back.is_finished(), "the other has not seen it");
    beat.open();
    let _old = rolled_back.await.unwrap();
    assert_eq!(cache.withheld(), [world.kind("accounts list by_balance")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_format_of_keys_shares_no_entry() {
    let world = World::new();
    let (_, old_cache, old_rows) = process!(world, new);
    old_rows.insert(new::NewAccount::new(1, 5)).await.unwrap();
    assert_eq!(old_rows.find(1).await.unwrap().unwrap().balance, 5);
    settle().await;
    let gate = Gate::default();
    let next = builder!(world, gate, [new::Account]).key_format(2).build().await.unwrap();
    assert_eq!(next.withheld().len(), 3, "rows, emails, the list");
    assert_eq!(old_cache.withheld().len(), 3, "nor does the other know those of this one");
    drop((old_cache, old_rows));
    eventually!(next.withheld().is_empty());
    world.server.execute("UPDATE accounts SET balance = 7");
    let rows = next.repository::<new::Account>();
    assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 7, "not what the other had filled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_depends_on_others_is_withheld_from_those_who_write_them() {
    let world = World::new();
    let gate = Gate::default();
    let shows = builder!(world, gate, [Author, Post, Shown]).build().await.unwrap();
    let posts = builder!(world, gate, [Post]).build().await.unwrap();
    let mut withheld = shows.withheld();
    withheld.sort();
    assert_eq!(
        withheld,
        [world.kind("posts#Shown list by_author"), world.kind("posts#Shown rows")]
    );
    drop(posts);
    eventually!(shows.withheld().is_empty());
    let other = builder!(world, gate, [old::Account]).build().await.unwrap();
    assert!(shows.withheld().is_empty(), "it writes none of these tables");
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_taken_for_dead_writes_nothing_until_it_is_registered_again() {
    let world = World::new();
    let (gate, cache, rows) = process!(world, new);
    let beat = gate.hold("begin:before");
    assert!(beat.reached().await);
    world.server.execute("DELETE FROM cache_leases; DELETE FROM cache_processes");
    let refused = rows.insert(new::NewAccount::new(1, 5)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unregistered, "{refused}");
    let refused = cache
        .transaction(async |tx| {
            tx.repository::<new::Account>().insert(new::NewAccount::new(1, 5)).await
        })
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unregistered);
    let mut own = world.server.establish();
    let refused = cache.touch::<new::Account>(&mut own, [1]).err().expect("refused");
    assert_eq!(refused.kind(), ErrorKind::Unregistered);
    assert!(rows.find(1).await.unwrap().is_none(), "nothing was written");
    beat.open();
    eventually!(world.registered() == 1);
    eventually!(rows.insert(new::NewAccount::new(1, 5)).await.is_ok());
    eventually!(cache.withheld().is_empty());
    assert_eq!(rows.list_by_balance(5).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_dies_is_live_until_its_lease_is_over() {
    let world = World::new();
    let (dead, old_cache, old_rows) = process!(world, old);
    let beat = dead.hold("begin:before");
    assert!(beat.reached().await, "it never beats again, nor says goodbye");
    let (_, cache, _) = process!(world, new);
    tokio::time::sleep(BEATS).await;
    assert_eq!(cache.withheld().len(), 1, "it may still write");
    world.server.execute("UPDATE cache_leases SET until_ms = 0");
    eventually!(cache.withheld().is_empty());
    assert_eq!(world.registered(), 1);
    drop((old_cache, old_rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_put_that_is_not_served() {
    let world = World::new();
    let (_, old_cache, old_rows) = process!(world, old);
    let gate = Gate::default();
    let next = builder!(world, gate, [new_through::Account]).key_format(2).build().await.unwrap();
    let rows = next.repository::<new_through::Account>();
    rows.insert(new_through::NewAccount::new(1, 5)).await.unwrap();
    drop((old_cache, old_rows));
    eventually!(next.withheld().is_empty());
    rows.insert(new_through::NewAccount::new(2, 5)).await.unwrap();
    world.server.execute("UPDATE accounts SET balance = 7");
    assert_eq!(rows.find(1).await.unwrap().unwrap().balance, 7, "loaded");
    assert_eq!(rows.find(2).await.unwrap().unwrap().balance, 5, "put");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_says_goodbye() {
    let world = World::new();
    let (_, cache, rows) = process!(world, new);
    assert_eq!(world.registered(), 1);
    let drained = cache.shutdown(Duration::from_secs(5)).await;
    assert_eq!(drained.abandoned, 0);
    assert_eq!(world.registered(), 0);
    let refused = rows.insert(new::NewAccount::new(1, 5)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unregistered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_costs_one_statement_more() {
    let world = World::new();
    let gate = Gate::default();
    let plain = Cache::builder(GatedDatabase::new(world.driver.clone(), gate.clone()))
        .shared_store(world.store.clone())
        .models(models![old::Account])
        .build()
        .await
        .unwrap();
    gate.start_counting();
    plain.repository::<old::Account>().insert(old::NewAccount::new(1, 5)).await.unwrap();
    let before = gate.passed("statement:before");
    let (gate, cache, rows) = process!(world, old);
    let beat = gate.hold("begin:before");
    assert!(beat.reached().await, "no beat is counted");
    gate.start_counting();
    rows.insert(old::NewAccount::new(2, 5)).await.unwrap();
    assert_eq!(gate.passed("statement:before"), before + 1);
    drop((beat, cache));
}

#[tokio::test]
async fn without_its_tables_it_says_where_they_are() {
    let world = World::new();
    world.server.execute("DROP TABLE cache_kinds");
    let gate = Gate::default();
    let built = builder!(world, gate, [old::Account]).build().await;
    let Err(error) = built else { panic!("it was built") };
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("cache-ctl migrations export"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_go_only_when_nobody_is_registered() {
    let world = World::new();
    let down = |world: &World| {
        world.server.establish().batch_execute(migration::<Server>("cache_contracts").down)
    };
    let (_, cache, rows) = process!(world, old);
    assert!(down(&world).is_err(), "a process is registered");
    drop((cache, rows));
    eventually!(world.registered() == 0);
    down(&world).unwrap();
    world.server.execute(migration::<Server>("cache_contracts").up);
    let (_, cache, _) = process!(world, old);
    assert!(cache.withheld().is_empty());
}
