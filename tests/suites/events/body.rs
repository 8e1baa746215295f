// Included in each column.

struct World {
    server: Server,
    driver: Driver,
    store: Arc<dyn Store>,
    namespace: String,
    recorder: Recorder,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

impl World {
    fn new() -> Self {
        let (server, driver) = open();
        server.execute(migration::<Server>("cache_events").up);
        let (store, namespace, recorder) = (KIND.store(), namespace(), Recorder::default());
        Self { server, driver, store, namespace, recorder }
    }

    fn builder(&self) -> Builder<Driver> {
        Cache::builder(self.driver.clone())
            .shared_store(self.store.clone())
            .namespace(self.namespace.clone())
            .telemetry(self.recorder.clone())
    }

    /// A process that takes events of accounts from the table.
    async fn consumer(&self) -> (Cache<Driver>, AccountRepository<Driver>) {
        let events = Events::table().on::<Account>("account").every(OFTEN);
        let builder = self.builder().models(models![Account, Owned]);
        let cache = builder.events(events.on::<Owned>("owned")).build().await.unwrap();
        let accounts = cache.repository::<Account>();
        (cache, accounts)
    }

    /// A process that takes none, with rows 1 and 2, a lookup and two absences in the cache.
    async fn reader(&self) -> AccountRepository<Driver> {
        let cache = self.builder().models(models![Account]).build().await.unwrap();
        let accounts = cache.repository::<Account>();
        warm(&accounts).await;
        accounts
    }

    fn tell(&self, columns: &str, values: &str) {
        self.server
            .execute(&format!("INSERT INTO cache_events (event_type, {columns}) VALUES ({values})"));
    }

    fn count(&self, of: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM {of}");
        let mut connection = self.server.pool.get().unwrap();
        diesel::sql_query(sql).get_result::<Number>(&mut connection).unwrap().n
    }
}

async fn warm(accounts: &AccountRepository<Driver>) {
    assert_eq!(balance(accounts, 1).await, Some(1));
    assert_eq!(balance(accounts, 2).await, Some(1));
    assert_eq!(balance(accounts, 3).await, None);
    assert!(accounts.find_by_email("new").await.unwrap().is_none());
    settle().await;
}

async fn balance(accounts: &AccountRepository<Driver>, id: i64) -> Option<i64> {
    accounts.find(id).await.unwrap().map(|row| row.balance)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_program_tells_is_seen_by_every_process() {
    let world = World::new();
    let reader = world.reader().await;
    let (cache, _) = world.consumer().await;
    world.server.execute("UPDATE accounts SET balance = 2, email = 'new' WHERE id = 1");
    world.server.execute("INSERT INTO accounts VALUES (3, 'c', 3)");
    settle().await;
    assert_eq!(balance(&reader, 1).await, Some(1), "nobody has told of it");
    world.tell("row_key", "'account', '1'");
    world.tell("row_key", "'account', '[3]'");
    assert!(soon(async || balance(&reader, 1).await == Some(2)).await);
    assert!(soon(async || balance(&reader, 3).await == Some(3)).await);
    assert!(soon(async || reader.find_by_email("new").await.unwrap().is_some()).await);
    assert_eq!(balance(&reader, 2).await, Some(1));
    assert!(soon(async || world.count("cache_events") == 0).await);
    let seen = cache.consumed();
    assert_eq!((seen.len(), seen[0].applied, seen[0].parked, seen[0].unknown), (1, 2, 0, 0));
    let applied = |event: &Event| matches!(event, Event::EventsApplied(_));
    assert!(world.recorder.count("Account", applied) > 0);
    let text = cache.contracts().to_string();
    assert!(text.contains("an event     removes the row: account (the table cache_events)"), "{text}");
}

/// Events that come twice, in the wrong order, and of versions long past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_and_reordering_do_no_harm() {
    let world = World::new();
    let reader = world.reader().await;
    let (cache, _) = world.consumer().await;
    world.server.execute("UPDATE accounts SET balance = 7 WHERE id = 1");
    for (id, version) in [("e-7", 7), ("e-5", 5), ("e-7", 7)] {
        let values = format!("'account', '1', '{id}', {version}");
        world.tell("row_key, event_id, version", &values);
        assert!(soon(async || world.count("cache_events") == 0).await);
    }
    assert_eq!(balance(&reader, 1).await, Some(7));
    assert!(soon(async || {
        let seen = &cache.consumed()[0];
        (seen.applied, seen.repeated) == (2, 1)
    })
    .await, "{:?}", cache.consumed());
    // The same name, but another version, is another event.
    settle().await;
    world.server.execute("UPDATE accounts SET balance = 8 WHERE id = 1");
    world.tell("row_key, event_id, version", "'account', '1', 'e-7', 8");
    assert!(soon(async || balance(&reader, 1).await == Some(8)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_event_is_kept_and_holds_up_nobody() {
    let world = World::new();
    let reader = world.reader().await;
    world.server.execute("UPDATE accounts SET balance = 2");
    world.tell("row_key, payload", "'account', 'no number', '{}'");
    world.tell("row_key", "'owned', '1'");
    world.tell("row_key", "'', '1'");
    let (cache, _) = world.consumer().await;
    // Row 2 was in no event that could be read, so all of the table is void.
    assert!(soon(async || balance(&reader, 2).await == Some(2)).await);
    assert!(soon(async || cache.consumed()[0].parked == 2).await);
    assert_eq!(world.count("cache_events WHERE state = 1 AND error LIKE 'its key is none of%'"), 1);
    assert_eq!(world.count("cache_events WHERE state = 1 AND error LIKE '%of what kind%'"), 1);
    assert!(soon(async || world.count("cache_events WHERE state = 0") == 0).await);
    assert_eq!(cache.consumed()[0].applied, 1);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(cache.consumed()[0].parked, 2, "they are not read again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_events_are_counted_and_kept() {
    let world = World::new();
    world.tell("row_key, payload", "'account.archived', '1', '{\"by\": 5}'");
    let (cache, accounts) = world.consumer().await;
    warm(&accounts).await;
    assert!(soon(async || cache.consumed()[0].unknown == 1).await);
    assert_eq!(world.count("cache_events WHERE state = 2 AND payload LIKE '%by%'"), 1);
    let seen = &cache.consumed()[0];
    assert_eq!((seen.applied, seen.parked), (0, 0));
    world.server.execute("UPDATE accounts SET balance = 2");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(balance(&accounts, 1).await, Some(1), "it makes nothing void");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_consumers_share_what_waited_for_an_hour() {
    let world = World::new();
    let reader = world.reader().await;
    world.server.execute("UPDATE accounts SET balance = 9 WHERE id = 2");
    for id in 3..603 {
        world.tell("row_key", &format!("'account', '{id}'"));
    }
    world.tell("row_key", "'account', '2'");
    world.server.execute("UPDATE cache_events SET created_ms = created_ms - 3600000");
    let ((one, _), (other, _)) = (world.consumer().await, world.consumer().await);
    assert!(soon(async || world.count("cache_events") == 0).await);
    assert!(soon(async || balance(&reader, 2).await == Some(9)).await);
    let both = async || one.consumed()[0].applied + other.consumed()[0].applied == 601;
    assert!(soon(both).await, "each once: {:?} {:?}", one.consumed(), other.consumed());
    let late = |event: &Event| matches!(event, Event::EventLag(lag) if lag.as_secs() >= 3600);
    assert!(world.recorder.count("*", late) > 0);
}

/// One that has not committed is neither waited for nor passed by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_commits_late_is_not_passed_by() {
    let world = World::new();
    let reader = world.reader().await;
    let (cache, _) = world.consumer().await;
    let mut slow = world.server.establish();
    let sql = "INSERT INTO cache_events (event_type, row_key) VALUES ('account', '1')";
    let outcome: Result<(), diesel::result::Error> = slow.transaction(|slow| {
        diesel::sql_query("UPDATE accounts SET balance = 5 WHERE id = 1").execute(slow)?;
        diesel::sql_query(sql).execute(slow)?;
        if std::any::type_name::<Server>() != std::any::type_name::<Sqlite>() {
            // There nobody else can write meanwhile.
            world.tell("row_key", "'account', '2'");
            let begun = Instant::now();
            while cache.consumed()[0].applied == 0 {
                std::thread::sleep(OFTEN);
                assert!(begun.elapsed() < Duration::from_secs(10), "it was waited for");
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(soon(async || balance(&reader, 1).await == Some(5)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_tell_of_what_raw_sql_changes() {
    let world = World::new();
    for (table, kind) in [("accounts", "account"), ("owned", "owned")] {
        let triggers = Triggers::of(table, &["id"]).unwrap().kind(kind).unwrap();
        world.server.execute(&Server::written(&triggers).up);
    }
    world.server.execute("INSERT INTO owners VALUES (1)");
    world.server.execute("INSERT INTO owned VALUES (1, 1)");
    let (cache, accounts) = world.consumer().await;
    let owned = cache.repository::<Owned>();
    assert!(soon(async || world.count("cache_events") == 0).await);
    warm(&accounts).await;
    assert!(owned.find(1).await.unwrap().is_some());
    settle().await;
    world.server.execute("UPDATE accounts SET balance = 4 WHERE id = 1");
    assert!(soon(async || balance(&accounts, 1).await == Some(4)).await);
    world.server.execute("INSERT INTO accounts VALUES (3, 'new', 3)");
    assert!(soon(async || balance(&accounts, 3).await == Some(3)).await);
    assert!(soon(async || accounts.find_by_email("new").await.unwrap().is_some()).await);
    world.server.execute("DELETE FROM accounts WHERE id = 2");
    assert!(soon(async || balance(&accounts, 2).await.is_none()).await);
    world.server.execute("UPDATE accounts SET id = 5 WHERE id = 3");
    assert!(soon(async || balance(&accounts, 3).await.is_none()).await);
    assert!(soon(async || balance(&accounts, 5).await == Some(3)).await);
    if let Some(before) = Server::CASCADE {
        world.server.execute(&format!("{before}DELETE FROM owners"));
        assert!(soon(async || owned.find(1).await.unwrap().is_none()).await);
    }
    if let Some(truncate) = Server::TRUNCATE {
        world.server.execute(truncate);
        assert!(soon(async || balance(&accounts, 1).await.is_none()).await);
    }
    assert_eq!(cache.consumed()[0].parked, 0);
    for table in ["accounts", "owned"] {
        let triggers = Triggers::of(table, &["id"]).unwrap();
        world.server.execute(&Server::written(&triggers).down);
    }
    assert!(soon(async || world.count("cache_events") == 0).await);
    world.server.execute("INSERT INTO accounts VALUES (6, 'f', 6)");
    assert_eq!(world.count("cache_events"), 0);
}

/// A bounded model can be void as a whole without more, and its events go through the outbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounded_model_takes_events() {
    let world = World::new();
    world.server.execute(migration::<Server>("cache_invalidations").up);
    let events = Events::table().on::<bounded::Account>("account").every(OFTEN);
    let builder = world.builder().models(models![bounded::Account]).events(events);
    let cache = builder.build().await.unwrap();
    let accounts = cache.repository::<bounded::Account>();
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1);
    world.server.execute("UPDATE accounts SET balance = 6 WHERE id = 1");
    world.tell("row_key", "'account', '1'");
    assert!(soon(async || accounts.find(1).await.unwrap().unwrap().balance == 6).await);
    assert!(soon(async || cache.consumed()[0].applied == 1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_taken_as_the_application_says() {
    let world = World::new();
    let reader = world.reader().await;
    let events = Events::table()
        .every(OFTEN)
        .on_table::<Account>("reloaded")
        .on_with::<Account>("moved", |event| {
            let payload = event.field("payload").ok_or("no payload")?;
            payload.split(' ').map(|id| Ok(id.parse()?)).collect()
        });
    let builder = world.builder().models(models![Account]).events(events);
    let cache = builder.build().await.unwrap();
    world.server.execute("UPDATE accounts SET balance = 2");
    world.tell("payload", "'moved', '1 2'");
    assert!(soon(async || balance(&reader, 1).await == Some(2)).await);
    assert!(soon(async || balance(&reader, 2).await == Some(2)).await);
    settle().await;
    world.server.execute("UPDATE accounts SET balance = 3");
    world.tell("payload", "'reloaded', ''");
    assert!(soon(async || balance(&reader, 1).await == Some(3)).await);
    assert!(soon(async || cache.consumed()[0].applied == 2).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_at_the_start() {
    let world = World::new();
    let refused = async |builder: Builder<Driver>, says: &str| {
        let error: Error = builder.build().await.err().expect("it must be refused");
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    let plain = Events::table().on::<aside::Account>("account");
    refused(world.builder().models(models![aside::Account]).events(plain), "say `bulk = 1000`").await;
    let absent = Events::table().on::<Account>("account");
    refused(world.builder().models(models![Owned]).events(absent), "not in this cache").await;
    let twice = Events::table().on::<Account>("account").on_table::<Account>("account");
    refused(world.builder().models(models![Account]).events(twice), "twice").await;
    world.server.execute(migration::<Server>("cache_events").down);
    let events = Events::table().on::<Account>("account");
    let builder = world.builder().models(models![Account]).events(events);
    refused(builder, "cache-ctl migrations export").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_is_not_dropped_while_there_are_events() {
    let world = World::new();
    let down = || {
        use diesel::connection::SimpleConnection as _;
        world.server.pool.get().unwrap().batch_execute(migration::<Server>("cache_events").down)
    };
    world.tell("row_key", "'account', '1'");
    assert!(down().is_err());
    world.server.execute("UPDATE cache_events SET state = 2");
    assert!(down().is_err(), "also of those that were set aside");
    world.server.execute("DELETE FROM cache_events");
    down().unwrap();
    world.server.execute(migration::<Server>("cache_events").up);
}
