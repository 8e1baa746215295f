//! A stream of Redis: trimmed, emptied, lost, made anew, and read by consumers that die. Each test has a
//! server to itself; rows are in SQLite, entries in the process.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::EventSource as _;
use cache_runtime::{Cache, ErrorKind, Events, InProcess, R2d2, RedisStream, models};
use cache_tests::databases::Sqlite;
use cache_tests::modes::taking::{Account, AccountRepository};
use cache_tests::server::Server;

use super::{A_WHILE, OFTEN, settle, soon};

type Driver = R2d2<diesel::SqliteConnection>;

struct World {
    redis: Server,
    database: Sqlite,
    store: Arc<InProcess>,
}

impl World {
    fn new() -> Self {
        let database = Sqlite::with(super::TABLES);
        Self { redis: Server::start(&[]), database, store: Arc::new(InProcess::new()) }
    }

    fn stream(&self) -> RedisStream {
        let stream = RedisStream::url(&self.redis.url(), "accounts", "shop").unwrap();
        let patient = Duration::from_secs(10);
        stream.timeouts(patient, patient).ahead(Duration::from_millis(20))
    }

    async fn consumer(&self, stream: RedisStream) -> (Cache<Driver>, AccountRepository<Driver>) {
        let events = Events::new(stream).on::<Account>("account.changed").every(OFTEN);
        let cache = Cache::builder(self.database.pool.clone())
            .shared_store(self.store.clone())
            .models(models![Account])
            .events(events)
            .build()
            .await
            .unwrap();
        let accounts = cache.repository::<Account>();
        (cache, accounts)
    }

    /// A consumer that has closed the gap of the beginning, and row 1 in the cache.
    async fn ready(&self) -> (Cache<Driver>, AccountRepository<Driver>) {
        let (cache, accounts) = self.consumer(self.stream()).await;
        assert!(soon(async || cache.consumed()[0].gaps == 1).await, "nobody knows what was before");
        warm(&accounts).await;
        (cache, accounts)
    }

    fn set(&self, balance: i64) {
        self.database.execute(&format!("UPDATE accounts SET balance = {balance}"));
    }

    fn tell(&self, fields: &str) {
        self.redis.ask(&format!("XADD accounts * {fields}"));
    }

    fn number(&self, command: &str) -> i64 {
        redis::from_redis_value(self.redis.ask(command)).unwrap()
    }

    fn waiting(&self) -> i64 {
        let pending: Vec<redis::Value> =
            redis::from_redis_value(self.redis.ask("XPENDING accounts shop")).unwrap();
        redis::from_redis_value(pending[0].clone()).unwrap()
    }
}

async fn balance(accounts: &AccountRepository<Driver>) -> i64 {
    accounts.find(1).await.unwrap().unwrap().balance
}

async fn warm(accounts: &AccountRepository<Driver>) {
    assert_eq!(balance(accounts).await, 1);
    settle().await;
    assert_eq!(balance(accounts).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_applied_and_acknowledged() {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    world.set(2);
    world.tell("type account.changed key 1 id e-1 version 3 by shop");
    assert!(soon(async || balance(&accounts).await == 2).await);
    assert!(soon(async || cache.consumed()[0].applied == 1).await);
    assert_eq!(world.waiting(), 0);
    world.tell("type account.changed key 1 id e-1 version 3 by shop");
    assert!(soon(async || cache.consumed()[0].repeated == 1).await, "the same event");
    // A key of one column, in an array.
    world.set(3);
    world.tell("type account.changed key [1]");
    assert!(soon(async || balance(&accounts).await == 3).await);
    assert!(soon(async || world.waiting() == 0).await);
    let seen = cache.consumed();
    assert_eq!((seen[0].source.as_str(), seen[0].gaps, seen[0].failures), ("accounts", 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_and_unknown_events_are_kept_beside_the_stream() {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    world.set(2);
    world.tell("type account.archived key 1");
    assert!(soon(async || cache.consumed()[0].unknown == 1).await);
    assert_eq!(balance(&accounts).await, 1);
    world.tell("type account.changed key [1,2] note this");
    world.tell("type account.changed key 2");
    assert!(soon(async || balance(&accounts).await == 2).await, "the table is void");
    assert!(
        soon(async || {
            let seen = &cache.consumed()[0];
            (seen.parked, seen.applied) == (1, 1)
        })
        .await
    );
    assert_eq!((world.number("XLEN accounts:aside"), world.waiting()), (2, 0));
    let kept = format!("{:?}", world.redis.ask("XRANGE accounts:aside - +"));
    for word in ["poison", "unknown", "account.archived", "this", "its key has 2 columns"] {
        assert!(kept.contains(word), "{kept} does not say {word}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_trimmed_unread_makes_the_table_void() {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    drop(cache);
    tokio::time::sleep(A_WHILE).await;
    world.set(2);
    world.tell("type account.changed key 1");
    world.tell("type account.changed key 2");
    world.redis.ask("XTRIM accounts MAXLEN 1");
    assert_eq!(balance(&accounts).await, 1, "nobody was there to hear it");
    let (cache, _) = world.consumer(world.stream()).await;
    assert!(soon(async || balance(&accounts).await == 2).await);
    assert!(soon(async || cache.consumed()[0].applied == 1).await);
    assert_eq!(cache.consumed()[0].gaps, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_told_by_every_read_until_somebody_has_closed_it() {
    let world = World::new();
    let (cache, _) = world.ready().await;
    drop(cache);
    tokio::time::sleep(A_WHILE).await;
    world.tell("type account.changed key 1");
    world.tell("type account.changed key 2");
    world.redis.ask("XTRIM accounts MAXLEN 1");
    for _ in 0..3 {
        // Each of these ends before it has made anything void.
        let batch = world.stream().read().await.unwrap();
        assert!(batch.gap.is_some() && batch.events.is_empty(), "{batch:?}");
    }
    let closes = world.stream();
    assert!(closes.read().await.unwrap().gap.is_some());
    closes.close_gap().await.unwrap();
    let batch = closes.read().await.unwrap();
    assert!(batch.gap.is_none() && batch.events.len() == 1, "{batch:?}");

    // It was read, and is deleted before it was acknowledged; then its next reader dies too.
    world.redis.ask(&format!("XDEL accounts {}", batch.events[0].position));
    let next = || world.stream().redelivers(Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let _ = next().read().await.unwrap();
    let batch = next().read().await.unwrap();
    assert!(batch.gap.is_some(), "{batch:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_trimmed_when_it_had_been_read_is_no_gap() {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    for round in 1..=20 {
        world.tell("type account.changed key 2");
        world.tell("type account.changed key 2");
        assert!(soon(async || cache.consumed()[0].applied == 2 * round).await);
        world.redis.ask("XTRIM accounts MAXLEN 1");
    }
    world.redis.ask("XTRIM accounts MAXLEN 0");
    tokio::time::sleep(A_WHILE).await;
    world.tell("type account.changed key 2");
    assert!(soon(async || cache.consumed()[0].applied == 41).await);
    world.set(2);
    assert_eq!((cache.consumed()[0].gaps, balance(&accounts).await), (1, 1));
}

/// Emptied, deleted and begun again, its group deleted or made anew, the server empty: none of it goes by
/// unseen, by the consumer that was there or by the next.
async fn lost(commands: &[&str], stays: bool) {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    world.tell("type account.changed key 2");
    assert!(soon(async || cache.consumed()[0].applied == 1).await);
    let before = cache.consumed()[0].gaps;
    let mut kept = Some(cache);
    if !stays {
        kept = None;
        tokio::time::sleep(A_WHILE).await;
    }
    world.set(2);
    // In one step, so that it does not happen under anybody's eyes.
    let mut all = redis::pipe();
    all.atomic();
    for command in commands {
        let mut words = command.split(' ');
        all.cmd(words.next().unwrap());
        words.for_each(|word| {
            all.arg(word);
        });
    }
    let _: redis::Value = all.query(&mut world.redis.connection()).unwrap();
    let (cache, before) = match kept {
        Some(cache) => (cache, before),
        None => (world.consumer(world.stream()).await.0, 0),
    };
    assert!(soon(async || balance(&accounts).await == 2).await, "{commands:?} {stays}");
    assert!(soon(async || cache.consumed()[0].gaps == before + 1).await);
    assert_eq!(balance(&accounts).await, 2, "cached again, now that the gap is closed");
    settle().await;
    world.set(3);
    assert_eq!(balance(&accounts).await, 2);
    world.tell("type account.changed key 1");
    assert!(soon(async || balance(&accounts).await == 3).await, "it goes on");
    assert_eq!(cache.consumed()[0].gaps, before + 1, "{commands:?} {stays}: it was closed");
}

const EVENT: &str = "XADD accounts * type account.changed key 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_was_lost_makes_the_table_void() {
    for stays in [true, false] {
        lost(&["DEL accounts"], stays).await;
        lost(&["DEL accounts", EVENT, "XGROUP CREATE accounts shop $"], stays).await;
        lost(&["FLUSHALL"], stays).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_was_lost_makes_the_table_void() {
    for stays in [true, false] {
        lost(&["XGROUP DESTROY accounts shop"], stays).await;
        let anew = [EVENT, "XGROUP DESTROY accounts shop", "XGROUP CREATE accounts shop $"];
        lost(&anew, stays).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_were_deleted_unread_make_the_table_void() {
    for stays in [true, false] {
        lost(
            &[
                "XADD accounts 9999999999999-1 type account.changed key 1",
                "XDEL accounts 9999999999999-1",
            ],
            stays,
        )
        .await;
        lost(&[EVENT, EVENT, "XTRIM accounts MAXLEN 0"], stays).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_consumer_had_read_is_taken_over() {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    drop(cache);
    tokio::time::sleep(A_WHILE).await;
    world.set(2);
    world.tell("type account.changed key 1");
    // It reads, and dies before it has done anything.
    let dead = world.stream();
    dead.start().await.unwrap();
    let batch = dead.read().await.unwrap();
    assert_eq!((batch.events.len(), &batch.gap), (1, &None));
    assert_eq!(batch.events[0].kind, "account.changed");
    drop(dead);
    let soon_over = world.stream().redelivers(Duration::from_millis(300));
    let (cache, _) = world.consumer(soon_over).await;
    assert_eq!(balance(&accounts).await, 1);
    assert!(soon(async || balance(&accounts).await == 2).await);
    assert!(soon(async || world.waiting() == 0).await);
    assert_eq!(cache.consumed()[0].gaps, 0);
}

/// Read by a consumer that died, then trimmed away: nobody can say any more what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_consumer_had_read_and_is_gone_makes_the_table_void() {
    let world = World::new();
    let (cache, accounts) = world.ready().await;
    drop(cache);
    tokio::time::sleep(A_WHILE).await;
    world.set(2);
    world.tell("type account.changed key 1");
    let dead = world.stream();
    dead.start().await.unwrap();
    assert_eq!(dead.read().await.unwrap().events.len(), 1);
    world.redis.ask("XTRIM accounts MAXLEN 0");
    let soon_over = world.stream().redelivers(Duration::from_millis(200));
    let (cache, _) = world.consumer(soon_over).await;
    assert!(soon(async || balance(&accounts).await == 2).await);
    assert!(soon(async || cache.consumed()[0].gaps == 1 && world.waiting() == 0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_consumers_share_a_group_and_leave_it() {
    let world = World::new();
    let (one, accounts) = world.ready().await;
    let (other, _) = world.consumer(world.stream()).await;
    world.set(2);
    for id in (2..600).chain([1]) {
        world.tell(&format!("type account.changed key {id}"));
    }
    let applied = || one.consumed()[0].applied + other.consumed()[0].applied;
    assert!(soon(async || applied() == 599).await, "{:?} {:?}", one.consumed(), other.consumed());
    assert_eq!((balance(&accounts).await, world.waiting()), (2, 0));
    assert_eq!(other.consumed()[0].gaps, 0);
    let members = || format!("{:?}", world.redis.ask("XINFO CONSUMERS accounts shop"));
    let count = |text: &str| text.matches("cache-runtime-").count();
    let before = count(&members());
    assert!(before >= 1, "{}", members());
    for cache in [one, other] {
        let _ = cache.shutdown(Duration::from_secs(5)).await;
    }
    assert!(soon(async || count(&members()) == 0).await, "{}", members());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_waited_for() {
    let mut world = World::new();
    let (cache, accounts) = world.ready().await;
    world.redis.stop();
    assert!(soon(async || cache.consumed()[0].failures > 0).await);
    assert_eq!(balance(&accounts).await, 1, "reads go on");
    world.set(2);
    world.redis.restart();
    assert!(soon(async || balance(&accounts).await == 2).await, "it came back empty");
    world.set(3);
    world.tell("type account.changed key 1");
    assert!(soon(async || balance(&accounts).await == 3).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_told_at_the_start() {
    let world = World::new();
    let rights = "~accounts ~accounts:aside +info +time +multi +exec +eval +xinfo|stream \
                  +xinfo|groups +xinfo|consumers +xgroup|create +xgroup|createconsumer +xgroup|delconsumer \
                  +xreadgroup +xautoclaim +xpending +xack +xadd";
    let start = async |rights: &str| {
        world.redis.ask(&format!("ACL SETUSER events reset on >secret {rights}"));
        let url = format!("redis://events:secret@127.0.0.1:{}", world.redis.port);
        let stream = RedisStream::url(&url, "accounts", "shop").unwrap();
        let patient = Duration::from_secs(10);
        let stream = stream.timeouts(patient, patient);
        stream.start().await?;
        stream.read().await?;
        stream.close_gap().await?;
        stream.leave().await
    };
    start(rights).await.unwrap();
    let all: Vec<&str> = rights.split(' ').collect();
    for without in &all {
        // Of what the connection itself needs, nothing is taken away here.
        let others: Vec<&str> = all.iter().filter(|right| right != &without).copied().collect();
        let error = start(&others.join(" ")).await.err();
        let error = error.unwrap_or_else(|| panic!("without {without} it starts"));
        assert_eq!(error.kind(), ErrorKind::Configuration, "{without}: {error}");
        assert!(error.to_string().contains("~accounts ~accounts:aside +info"), "{error}");
    }
}
