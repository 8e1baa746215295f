//! Events that fail each time: they hold up nobody.

use std::sync::Arc;

use cache_runtime::ports::{Batch, DomainEvent, Why};
use cache_runtime::{Cache, ErrorKind, Events, InProcess, R2d2, models};
use cache_tests::databases::Sqlite;
use cache_tests::gate::{Gate, GatedDatabase};
use cache_tests::modes::taking::{Account, AccountRepository};
use cache_tests::scripted::Scripted;

use super::{OFTEN, settle, soon};

type Driver = GatedDatabase<R2d2<diesel::SqliteConnection>>;

struct World {
    database: Sqlite,
    store: Arc<InProcess>,
    source: Scripted,
}

impl World {
    fn new() -> Self {
        let (store, source) = (Arc::new(InProcess::new()), Scripted::default());
        Self { database: Sqlite::with(super::TABLES), store, source }
    }

    async fn process(&self, events: Option<Events<Driver>>) -> (Gate, Cache<Driver>) {
        let gate = Gate::default();
        let driver = GatedDatabase::new(R2d2::new(self.database.pool.clone()), gate.clone());
        let mut builder =
            Cache::builder(driver).shared_store(self.store.clone()).models(models![Account]);
        if let Some(events) = events {
            builder = builder.events(events);
        }
        (gate, builder.build().await.unwrap())
    }

    fn events(&self) -> Events<Driver> {
        Events::new(self.source.clone()).every(OFTEN).on::<Account>("account")
    }

    fn send<const N: usize>(&self, events: [(&str, &str, &str); N]) {
        let event = |(position, kind, key): (&str, &str, &str)| DomainEvent {
            position: position.to_owned(),
            kind: kind.to_owned(),
            key: Some(key.to_owned()),
            ..DomainEvent::default()
        };
        self.source.push(Batch { events: events.map(event).into(), gap: None });
    }
}

async fn balance(accounts: &AccountRepository<Driver>, id: i64) -> i64 {
    accounts.find(id).await.unwrap().unwrap().balance
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_each_time_makes_the_table_void() {
    let world = World::new();
    let (_, reader) = world.process(None).await;
    let accounts = reader.repository::<Account>();
    let (gate, cache) = world.process(Some(world.events())).await;
    assert_eq!((balance(&accounts, 1).await, balance(&accounts, 2).await), (1, 1));
    settle().await;
    world.database.execute("UPDATE accounts SET balance = 2");
    assert_eq!((balance(&accounts, 1).await, balance(&accounts, 2).await), (1, 1));
    gate.fail_as("load:before", ErrorKind::Database);
    world.send([("a", "account", "1"), ("b", "account", "7")]);
    assert!(soon(async || world.source.acknowledged() == ["a", "b"]).await);
    assert_eq!((balance(&accounts, 1).await, balance(&accounts, 2).await), (2, 2));
    let seen = cache.consumed();
    assert_eq!((seen[0].applied, seen[0].failures), (2, 3));
}

/// Without a connection nothing can be said of the event, and all is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_waited_for() {
    let world = World::new();
    let (_, reader) = world.process(None).await;
    let accounts = reader.repository::<Account>();
    let (gate, cache) = world.process(Some(world.events())).await;
    assert_eq!((balance(&accounts, 1).await, balance(&accounts, 2).await), (1, 1));
    settle().await;
    gate.fail_as("load:before", ErrorKind::Pool);
    world.database.execute("UPDATE accounts SET balance = 2");
    world.send([("a", "account", "1")]);
    assert!(soon(async || cache.consumed()[0].failures > 4).await);
    assert!(world.source.acknowledged().is_empty());
    gate.mend("load:before");
    assert!(soon(async || world.source.acknowledged() == ["a"]).await);
    assert_eq!((balance(&accounts, 1).await, balance(&accounts, 2).await), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_panics_is_as_an_event_that_cannot_be_read() {
    let world = World::new();
    let events = world.events().on_with::<Account>("odd", |event| match event.key.as_deref() {
        Some("even") => Ok(vec![1]),
        _ => panic!("planted"),
    });
    let (_, cache) = world.process(Some(events)).await;
    let accounts = cache.repository::<Account>();
    assert_eq!(balance(&accounts, 2).await, 1);
    settle().await;
    world.database.execute("UPDATE accounts SET balance = 2");
    world.send([("a", "odd", "odd"), ("b", "odd", "even"), ("c", "account", "1")]);
    assert!(soon(async || world.source.acknowledged() == ["b", "c"]).await);
    let kept = world.source.kept();
    assert_eq!((kept.len(), kept[0].why, kept[0].event.position.as_str()), (1, Why::Poison, "a"));
    assert!(kept[0].error.contains("panicked"), "{}", kept[0].error);
    assert_eq!(balance(&accounts, 2).await, 2, "the table is void");
}
