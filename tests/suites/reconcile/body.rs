// Included in each column.

struct World {
    server: Server,
    driver: Driver,
    store: Arc<dyn Store>,
    namespace: String,
    recorder: Recorder,
}

impl World {
    fn new() -> Self {
        let (server, driver) = open();
        let (store, namespace, recorder) = (KIND.store(), namespace(), Recorder::default());
        Self { server, driver, store, namespace, recorder }
    }

    fn builder(&self) -> cache_runtime::Builder<Driver> {
        Cache::builder(self.driver.clone())
            .shared_store(self.store.clone())
            .namespace(self.namespace.clone())
            .telemetry(self.recorder.clone())
    }

    async fn books(&self) -> Cache<Driver> {
        let builder = self.builder().models(models![Author, Book]).reconcile(eager());
        let cache = builder.build().await.unwrap();
        cache.pause_reconciler();
        let (authors, books) = (cache.repository::<Author>(), cache.repository::<Book>());
        assert_eq!(authors.find(1).await.unwrap().unwrap().name, "Ada");
        assert_eq!(books.find_by_title("Notes").await.unwrap().unwrap().id, 1);
        assert_eq!(books.find_many([1, 2, 3]).await.unwrap().iter().flatten().count(), 2);
        assert_eq!(books.list_by_author(1).await.unwrap().len(), 2);
        // The fills come after the answers.
        tokio::time::sleep(Duration::from_millis(60)).await;
        cache
    }
}

/// Anomaly 41: hits for as long as the ttl, until somebody looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cascade_deleted_is_found() {
    let world = World::new();
    let cache = world.books().await;
    let (authors, books) = (cache.repository::<Author>(), cache.repository::<Book>());
    world.server.execute(&format!("{}DELETE FROM authors WHERE id = 1", Server::CASCADE));
    assert!(books.find_uncached(2).await.unwrap().is_none(), "it cascaded");
    assert!(authors.find(1).await.unwrap().is_some(), "nobody has told the cache");
    assert_eq!(books.list_by_author(1).await.unwrap().len(), 2);
    cache.resume_reconciler();
    let gone = async || {
        authors.find(1).await.unwrap().is_none()
            && books.find_many([1, 2]).await.unwrap().iter().all(Option::is_none)
            && books.find_by_title("Notes").await.unwrap().is_none()
            && books.list_by_author(1).await.unwrap().is_empty()
    };
    assert!(soon(gone).await, "{:?}", cache.reconciled());
    assert_eq!(stale(&world.recorder, "Author"), ["row"]);
    assert!(stale(&world.recorder, "Book").contains(&"row"));
    let seen = cache.reconciled().unwrap();
    assert!(seen.stale >= 2 && seen.unsettled >= seen.stale && seen.checked > seen.stale);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_emptied_table_held_is_found() {
    let world = World::new();
    let cache = world.books().await;
    let books = cache.repository::<Book>();
    world.server.execute(Server::EMPTY_BOOKS);
    assert_eq!(books.list_by_author(1).await.unwrap().len(), 2, "nobody has told the cache");
    cache.resume_reconciler();
    let empty = async || {
        books.list_by_author(1).await.unwrap().is_empty()
            && books.find_many([1, 2]).await.unwrap().iter().all(Option::is_none)
    };
    assert!(soon(empty).await, "{:?}", cache.reconciled());
    assert!(!stale(&world.recorder, "Book").is_empty());
    assert!(stale(&world.recorder, "Author").is_empty(), "its row has not changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_raw_sql_changed_is_found_but_not_what_may_change_by_itself() {
    let world = World::new();
    let cache = world.books().await;
    let (authors, books) = (cache.repository::<Author>(), cache.repository::<Book>());
    assert!(books.find_by_title("Poems").await.unwrap().is_none());
    tokio::time::sleep(Duration::from_millis(60)).await;
    cache.resume_reconciler();
    world.server.execute("UPDATE authors SET seen = 5 WHERE id = 1");
    // Enough looks that the volatile column would have been seen twice.
    assert!(soon(async || {
        authors.find(1).await.unwrap();
        cache.reconciled().unwrap().checked > 30
    })
    .await);
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(cache.reconciled().unwrap().stale, 0, "`seen` is volatile");

    // A row of which an absence is cached, by key, by title and in a list, and one that is cached.
    world.server.execute("INSERT INTO books VALUES (3, 1, 'Poems')");
    world.server.execute("UPDATE authors SET name = 'Grace' WHERE id = 1");
    assert!(soon(async || authors.find(1).await.unwrap().unwrap().name == "Grace").await);
    assert!(soon(async || books.find(3).await.unwrap().is_some()).await);
    assert!(soon(async || books.find_by_title("Poems").await.unwrap().is_some()).await);
    assert!(soon(async || books.list_by_author(1).await.unwrap().len() == 3).await);
    assert_eq!(stale(&world.recorder, "Author"), ["row"]);
    assert!(!stale(&world.recorder, "Book").is_empty());
}

/// A member that nobody has told the cache of, in an aggregate of which the root has not changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_raw_sql_put_into_an_aggregate_is_found() {
    let world = World::new();
    let builder = world.builder().models(models![Basket, BasketItem]).reconcile(eager());
    let cache = builder.build().await.unwrap();
    cache.pause_reconciler();
    let baskets = cache.repository::<Basket>();
    let items = async || {
        let whole = baskets.find_aggregate(("shop", 1)).await.unwrap().unwrap();
        whole.members::<BasketItem>().len()
    };
    assert_eq!(items().await, 1);
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.server.execute("INSERT INTO basket_items VALUES ('shop', 1, 2, 6)");
    assert_eq!(items().await, 1, "nobody has told the cache");
    cache.resume_reconciler();
    assert!(soon(async || items().await == 2).await, "{:?}", cache.reconciled());
    assert_eq!(stale(&world.recorder, "Basket"), ["whole"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_shut_down_or_never_turned_on_it_looks_at_nothing() {
    let world = World::new();
    let cache = world.books().await;
    let authors = cache.repository::<Author>();
    let looks = || cache.reconciled().unwrap().checked;
    let read = async || {
        for _ in 0..20 {
            authors.find(1).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let before = looks();
    read().await;
    assert_eq!(looks(), before, "it is paused");
    cache.resume_reconciler();
    read().await;
    assert!(looks() > before);
    let _ = cache.shutdown(Duration::from_secs(5)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let before = looks();
    read().await;
    assert_eq!(looks(), before, "it has ended");
    let plain = world.builder().models(models![Author]).build().await.unwrap();
    assert_eq!(plain.reconciled(), None);
}

/// Each look is a statement: at most as many a second as were allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_to_its_rate() {
    let world = World::new();
    let slow = Reconcile::per_second(20).one_in(1);
    let cache = world.builder().models(models![Author]).reconcile(slow).build().await.unwrap();
    let authors = cache.repository::<Author>();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(600) {
        authors.find(1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let looks = cache.reconciled().unwrap().checked;
    assert!((2..=14).contains(&looks), "{looks} in {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_freezes_the_facts_and_removes_the_entry() {
    let world = World::new();
    let cache = world.builder().models(models![Author]).build().await.unwrap();
    let authors = cache.repository::<Author>();
    let nothing = authors.report_stale(1).await.unwrap();
    assert_eq!((nothing.cached, nothing.differs), (Said::Nothing, false));
    assert_eq!(nothing.primary, Said::Present(None));
    authors.find(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    let sound = authors.report_stale(1).await.unwrap();
    assert!(!sound.differs && !sound.repaired, "{sound}");
    assert!(sound.to_string().contains("no difference"), "{sound}");
    world.server.execute("DELETE FROM books");
    world.server.execute("DELETE FROM authors");
    let stale = authors.report_stale(1).await.unwrap();
    assert!(stale.differs && stale.repaired, "{stale}");
    assert_eq!((stale.cached, stale.primary), (Said::Present(None), Said::Absent));
    let (age, left) = (stale.age.unwrap(), stale.left.unwrap());
    assert!(age >= Duration::from_millis(50) && age < Duration::from_secs(60), "{age:?}");
    assert!(left > Duration::from_secs(500) && left <= Duration::from_secs(600), "{left:?}");
    assert_eq!((stale.leased, stale.fences), (Some(false), Some(0)));
    assert_eq!(stale.tier, KIND.name());
    let text = stale.to_string();
    assert!(text.contains("STALE, removed"), "{text}");
    assert!(text.contains("cache_aside, eventual, ttl 10m, absence 10m"), "{text}");
    assert!(authors.find(1).await.unwrap().is_none());
}

/// Many write the same rows through the cache, in two processes: nothing of it is an incident.
macro_rules! storm {
    ($name:ident, $mode:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            use $mode::{Account, AccountChanges, NewAccount};
            let world = World::new();
            let build = async || {
                let builder = world.builder().models(models![Account]);
                let eager = eager().settle(Duration::from_millis(500));
                builder.reconcile(eager).build().await.unwrap()
            };
            let (one, other) = (build().await, build().await);
            for id in 0..4 {
                let email = format!("{id}@example.com");
                one.repository::<Account>().insert(NewAccount { id, email, balance: 0 }).await.unwrap();
            }
            let end = Instant::now() + Duration::from_millis(800);
            let mut clients = Vec::new();
            for client in 0..6_i64 {
                let cache = if client % 2 == 0 { one.clone() } else { other.clone() };
                clients.push(tokio::spawn(async move {
                    let accounts = cache.repository::<Account>();
                    let mut turn = client;
                    while Instant::now() < end {
                        turn += 1;
                        let id = turn % 4;
                        if client < 2 {
                            let changes = AccountChanges { balance: Some(turn), email: None };
                            accounts.update(id, changes).await.unwrap();
                        }
                        accounts.find(id).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }));
            }
            for client in clients {
                client.await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
            let seen = [one.reconciled().unwrap(), other.reconciled().unwrap()];
            assert!(seen.iter().all(|seen| seen.checked > 50), "{seen:?}");
            assert!(seen.iter().all(|seen| seen.stale == 0), "{seen:?}");
        }
    };
}

storm!(a_storm_of_removals_is_no_incident, aside);
storm!(a_storm_of_puts_is_no_incident, through);
storm!(a_storm_behind_fences_is_no_incident, fenced);
storm!(a_storm_of_puts_behind_fences_is_no_incident, fenced_through);
