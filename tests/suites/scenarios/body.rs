// Included once for each column of the matrix: `Driver`, `Server`, `open` and `KIND` are
// the column's own.

/// A database and a store on which processes are started.
struct World {
    server: Server,
    driver: Driver,
    store: Arc<dyn Store>,
    namespace: String,
}

struct Process {
    gate: Gate,
    cache: Cache<GatedDatabase<Driver>>,
    accounts: AccountRepository<GatedDatabase<Driver>>,
}

impl World {
    fn new() -> Self {
        let (server, driver) = open();
        Self { server, driver, store: KIND.store(), namespace: namespace() }
    }

    async fn process(&self) -> Process {
        let gate = Gate::default();
        let cache = Cache::builder(GatedDatabase::new(self.driver.clone(), gate.clone()))
            .store(GatedStore::new(self.store.clone(), gate.clone()))
            .models(models![Account])
            .namespace(self.namespace.clone())
            .build()
            .await
            .unwrap();
        gate.start_counting();
        let accounts = cache.repository::<Account>();
        Process { gate, cache, accounts }
    }
}

impl Process {
    /// Statements that loaded rows.
    fn loads(&self) -> usize {
        self.gate.passed("load:before")
    }

    /// Waits for the fills in the background: as many as there were loads.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn account(id: i64, email: &str, balance: i64) -> NewAccount {
    NewAccount { id, email: email.to_owned(), balance }
}

#[tokio::test]
async fn a_miss_loads_and_a_hit_does_not() {
    let world = World::new();
    let process = world.process().await;
    world.server.execute("INSERT INTO accounts VALUES (1, 'a', 5)");
    let loaded = process.accounts.find(1).await.unwrap().unwrap();
    assert_eq!(*loaded, Account { id: 1, email: "a".into(), balance: 5 });
    process.settle().await;
    let cached = process.accounts.find(1).await.unwrap().unwrap();
    assert_eq!(cached, loaded);
    assert_eq!(process.loads(), 1);
    let other = world.process().await;
    assert_eq!(other.accounts.find(1).await.unwrap().unwrap(), loaded);
    assert_eq!(other.loads(), 0, "the store is shared");
}

#[tokio::test]
async fn find_many_keeps_order_and_duplicates_and_loads_once() {
    let world = World::new();
    let process = world.process().await;
    for id in 1..=6 {
        world.server.execute(&format!("INSERT INTO accounts VALUES ({id}, 'e{id}', {id})"));
    }
    process.accounts.find(2).await.unwrap();
    process.accounts.find(99).await.unwrap();
    process.settle().await;
    let before = process.loads();
    let rows = process.accounts.find_many([5_i64, 2, 99, 5, 1, 77, 2]).await.unwrap();
    let ids: Vec<Option<i64>> = rows.iter().map(|row| row.as_ref().map(|row| row.id)).collect();
    assert_eq!(ids, [Some(5), Some(2), None, Some(5), Some(1), None, Some(2)]);
    assert_eq!(process.loads() - before, 1, "one statement for 5, 1 and 77");
    process.settle().await;
    let again = process.accounts.find_many([5_i64, 2, 99, 5, 1, 77, 2]).await.unwrap();
    assert_eq!(again, rows);
    assert_eq!(process.loads() - before, 1);
    assert!(process.accounts.find_many([0_i64; 0]).await.unwrap().is_empty());
}

#[tokio::test]
async fn find_many_shares_loads_under_way() {
    let world = World::new();
    let process = world.process().await;
    world.server.execute("INSERT INTO accounts VALUES (1, 'a', 1), (2, 'b', 2)");
    let lease = process.gate.hold("lease:before");
    let accounts = process.accounts.clone();
    let first = tokio::spawn(async move { accounts.find(1).await });
    assert!(lease.reached().await);
    let accounts = process.accounts.clone();
    let many = tokio::spawn(async move { accounts.find_many([1_i64, 2]).await });
    process.settle().await;
    lease.open();
    first.await.unwrap().unwrap().unwrap();
    let rows = many.await.unwrap().unwrap();
    assert!(rows.iter().all(Option::is_some));
    assert!(process.loads() <= 2, "{} loads for two rows", process.loads());
}

#[tokio::test]
async fn absence_is_remembered_until_the_insert() {
    let world = World::new();
    let (process, other) = (world.process().await, world.process().await);
    assert!(process.accounts.find(1).await.unwrap().is_none());
    process.settle().await;
    assert!(other.accounts.find(1).await.unwrap().is_none());
    assert_eq!(other.loads(), 0, "the absence is cached");
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    assert!(other.accounts.find(1).await.unwrap().is_some());
}

#[tokio::test]
async fn writes_by_key_are_seen_at_once_by_every_process() {
    let world = World::new();
    let (process, other) = (world.process().await, world.process().await);
    let inserted = process.accounts.insert(account(1, "a", 1)).await.unwrap();
    assert_eq!(*inserted, Account { id: 1, email: "a".into(), balance: 1 });
    for reader in [&process, &other] {
        assert_eq!(reader.accounts.find(1).await.unwrap().unwrap().balance, 1);
        reader.settle().await;
    }
    let updated = process.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    assert_eq!(updated.unwrap().balance, 2);
    for reader in [&process, &other] {
        assert_eq!(reader.accounts.find(1).await.unwrap().unwrap().balance, 2);
        reader.settle().await;
    }
    let changes = AccountChanges::balance(4);
    let upserted = other.accounts.upsert(1, account(1, "z", 3), changes).await.unwrap();
    assert_eq!((upserted.balance, &*upserted.email), (4, "a"), "it was there: changed");
    assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, 4);
    let upserted = other.accounts.upsert(2, account(2, "b", 7), AccountChanges::balance(8)).await;
    assert_eq!(upserted.unwrap().balance, 7, "it was not there: inserted");
    process.settle().await;
    let deleted = process.accounts.delete(1).await.unwrap().unwrap();
    assert_eq!(deleted.balance, 4);
    for reader in [&process, &other] {
        assert!(reader.accounts.find(1).await.unwrap().is_none());
    }
    assert!(process.accounts.delete(1).await.unwrap().is_none());
    assert!(process.accounts.update(1, AccountChanges::balance(9)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_unique_value_leads_to_its_row_wherever_it_moves() {
    let world = World::new();
    let (process, other) = (world.process().await, world.process().await);
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(other.accounts.find_by_email("a").await.unwrap().unwrap().id, 1);
        assert!(other.accounts.find_by_email("b").await.unwrap().is_none());
        other.settle().await;
    }
    process.accounts.update(1, AccountChanges::email("b")).await.unwrap();
    assert!(other.accounts.find_by_email("a").await.unwrap().is_none(), "the old value");
    assert_eq!(other.accounts.find_by_email("b").await.unwrap().unwrap().id, 1, "the new one");
    process.accounts.insert(account(2, "a", 1)).await.unwrap();
    assert_eq!(other.accounts.find_by_email("a").await.unwrap().unwrap().id, 2);
    other.settle().await;
    process.accounts.delete(2).await.unwrap();
    assert!(other.accounts.find_by_email("a").await.unwrap().is_none());
}

#[tokio::test]
async fn an_old_unique_value_leaves_no_entry_behind() {
    let world = World::new();
    let process = world.process().await;
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    process.accounts.find_by_email("a").await.unwrap();
    process.settle().await;
    process.accounts.update(1, AccountChanges::email("b")).await.unwrap();
    let (gets, before) = (process.gate.passed("get:before"), process.loads());
    assert!(process.accounts.find_by_email("a").await.unwrap().is_none());
    assert_eq!(process.gate.passed("get:before") - gets, 1, "no entry, so no row to verify");
    assert_eq!(process.loads() - before, 1);
}

#[tokio::test]
async fn changes_past_the_repository_are_refreshed_or_invalidated_by_hand() {
    let world = World::new();
    let process = world.process().await;
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    process.accounts.find(1).await.unwrap();
    process.settle().await;
    world.server.execute("UPDATE accounts SET balance = 2");
    assert_eq!(process.accounts.find_uncached(1).await.unwrap().unwrap().balance, 2);
    assert_eq!(process.accounts.refresh(1).await.unwrap().unwrap().balance, 2);
    let before = process.loads();
    assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, 2);
    assert_eq!(process.loads(), before, "the refresh filled it");
    world.server.execute("UPDATE accounts SET balance = 3");
    process.accounts.invalidate(1).await;
    assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, 3);
    process.settle().await;
    world.server.execute("UPDATE accounts SET balance = 4");
    process.accounts.invalidate_many([1_i64, 2]).await;
    assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, 4);
    assert!(process.accounts.find_by_email("n").await.unwrap().is_none());
    process.settle().await;
    world.server.execute("UPDATE accounts SET email = 'n'");
    process.accounts.invalidate_by_email("n").await;
    assert!(process.accounts.find_by_email("n").await.unwrap().is_some());
}

#[tokio::test]
async fn the_kill_switch_reads_the_database_and_still_invalidates() {
    let world = World::new();
    let (process, other) = (world.process().await, world.process().await);
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    process.accounts.find(1).await.unwrap();
    process.settle().await;
    for model_only in [true, false] {
        if model_only { process.cache.off_for::<Account>() } else { process.cache.off() }
        world.server.execute("UPDATE accounts SET balance = balance + 10");
        let fresh = process.accounts.find_uncached(1).await.unwrap().unwrap().balance;
        assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, fresh);
        let by_email = process.accounts.find_by_email("a").await.unwrap().unwrap();
        assert_eq!(by_email.balance, fresh);
        let many = process.accounts.find_many([1_i64]).await.unwrap();
        assert_eq!(many[0].as_ref().unwrap().balance, fresh);
        process.accounts.update(1, AccountChanges::balance(fresh + 1)).await.unwrap();
        assert_eq!(other.accounts.find(1).await.unwrap().unwrap().balance, fresh + 1);
        other.settle().await;
        if model_only { process.cache.on_for::<Account>() } else { process.cache.on() }
        assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, fresh + 1);
    }
}

#[tokio::test]
async fn a_write_that_the_database_refuses_changes_nothing() {
    let world = World::new();
    let process = world.process().await;
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    let error = process.accounts.insert(account(2, "a", 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    assert!(matches!(
        error.diesel(),
        Some(diesel::result::Error::DatabaseError(
            diesel::result::DatabaseErrorKind::UniqueViolation,
            _
        ))
    ));
    let error = process.accounts.update(1, AccountChanges::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EmptyChangeset, "{error}");
    assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, 1);
    for _ in 0..20 {
        // More than the pool holds: a refused write leaves its connection usable.
        process.accounts.insert(account(1, "a", 1)).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_write_whose_caller_gave_up_is_invalidated_all_the_same() {
    let world = World::new();
    let (process, other) = (world.process().await, world.process().await);
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    other.accounts.find(1).await.unwrap();
    other.settle().await;
    let committed = process.gate.hold("commit:after");
    let accounts = process.accounts.clone();
    let write = tokio::spawn(async move { accounts.update(1, AccountChanges::balance(2)).await });
    assert!(committed.reached().await);
    write.abort();
    process.settle().await;
    committed.open();
    process.settle().await;
    assert_eq!(other.accounts.find(1).await.unwrap().unwrap().balance, 2);
}

#[tokio::test]
async fn a_load_whose_first_caller_gave_up_goes_on_for_the_others() {
    let world = World::new();
    let process = world.process().await;
    world.server.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    let lease = process.gate.hold("lease:before");
    let accounts = process.accounts.clone();
    let first = tokio::spawn(async move { accounts.find(1).await });
    assert!(lease.reached().await);
    let accounts = process.accounts.clone();
    let second = tokio::spawn(async move { accounts.find(1).await });
    process.settle().await;
    first.abort();
    process.settle().await;
    lease.open();
    assert!(second.await.unwrap().unwrap().is_some());
    assert!(process.loads() <= 2);
}

#[tokio::test]
async fn a_store_that_is_away_is_no_error() {
    let world = World::new();
    let process = world.process().await;
    process.accounts.insert(account(1, "a", 1)).await.unwrap();
    process.accounts.find(1).await.unwrap();
    process.settle().await;
    let points = ["get:before", "lease:before", "fill:before", "invalidate:before"];
    points.iter().for_each(|point| process.gate.fail(point));
    for balance in 2..6 {
        process.accounts.update(1, AccountChanges::balance(balance)).await.unwrap();
        assert_eq!(process.accounts.find(1).await.unwrap().unwrap().balance, balance);
        let by_email = process.accounts.find_by_email("a").await.unwrap().unwrap();
        assert_eq!(by_email.balance, balance);
        let many = process.accounts.find_many([1_i64, 2]).await.unwrap();
        assert_eq!(many[0].as_ref().unwrap().balance, balance);
    }
    points.iter().for_each(|point| process.gate.mend(point));
    // What was missed is sent again, for every other process with this store.
    let other = world.process().await;
    for _ in 0..100 {
        if other.accounts.find(1).await.unwrap().unwrap().balance == 5 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the missed invalidations never went out");
}
