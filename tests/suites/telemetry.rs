//! What the cache tells of itself, and what it does with bytes that it cannot use.

use std::time::Duration;

use cache_runtime::testing::Recorder;
use cache_runtime::{Bincode, Cache, Postcard, R2d2, Redis, models};
use cache_tests::account::{Account, AccountChanges, AccountRepository, CREATE, NewAccount};
use cache_tests::databases::Sqlite;
use cache_tests::redis_url;
use cache_tests::stores::namespace;
use diesel::SqliteConnection;
use redis::AsyncCommands as _;

/// What came since the last call, sorted by what it says.
fn take(recorder: &Recorder) -> Vec<String> {
    let mut said: Vec<String> = recorder.take_events().iter().map(ToString::to_string).collect();
    said.sort_unstable();
    said
}

struct World {
    sqlite: Sqlite,
    namespace: String,
    recorder: Recorder,
}

impl World {
    fn new() -> Self {
        let sqlite = Sqlite::with(&[CREATE, "INSERT INTO accounts VALUES (1, 'a', 1)"]);
        Self { sqlite, namespace: namespace(), recorder: Recorder::default() }
    }

    async fn accounts(
        &self,
        postcard: bool,
        limit: usize,
    ) -> AccountRepository<R2d2<SqliteConnection>> {
        let builder = Cache::builder(self.sqlite.pool.clone())
            .store(Redis::url(&redis_url()).unwrap())
            .models(models![Account])
            .namespace(self.namespace.clone())
            .max_entry_bytes(limit)
            .telemetry(self.recorder.clone());
        let builder = if postcard { builder.codec(Postcard) } else { builder.codec(Bincode) };
        builder.build().await.unwrap().repository::<Account>()
    }

    /// The names on the server of this world's values.
    async fn values(&self, redis: &mut redis::aio::MultiplexedConnection) -> Vec<String> {
        let all: Vec<String> = redis.keys(format!("*v*{}*", self.namespace)).await.unwrap();
        all
    }
}

async fn connection() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(40)).await;
}

#[tokio::test]
async fn each_step_is_told_once_with_its_model_and_tier() {
    let world = World::new();
    let accounts = world.accounts(false, 1 << 20).await;
    accounts.find(1).await.unwrap();
    settle().await;
    let told = ["Account redis Filled", "Account redis Loaded(1)", "Account redis Miss"];
    assert_eq!(take(&world.recorder), told);
    accounts.find(1).await.unwrap();
    assert_eq!(take(&world.recorder), ["Account redis Hit"]);
    accounts.find(2).await.unwrap();
    settle().await;
    assert_eq!(take(&world.recorder), told);
    accounts.find(2).await.unwrap();
    assert_eq!(take(&world.recorder), ["Account redis Negative"]);
    accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    assert_eq!(take(&world.recorder), ["Account redis Invalidated(2)"], "the row and its email");
    accounts.insert(NewAccount::new(2, 2)).await.unwrap();
    assert_eq!(take(&world.recorder), ["Account redis Invalidated(2)"]);
}

#[tokio::test]
async fn bytes_that_are_no_entry_are_a_counted_miss_and_are_overwritten() {
    let world = World::new();
    let accounts = world.accounts(false, 1 << 20).await;
    let mut redis = connection().await;
    for (bytes, reason) in [
        (&b"not ours"[..], "foreign"),
        (b"DCe", "truncated"),
        (b"DCe\x01\x09 and more", "truncated"),
    ] {
        accounts.find(1).await.unwrap();
        settle().await;
        let values = world.values(&mut redis).await;
        assert_eq!(values.len(), 1, "{values:?}");
        let _: () = redis.set_ex(&values[0], bytes, 60).await.unwrap();
        take(&world.recorder);
        assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1, "the right row");
        settle().await;
        let told = take(&world.recorder);
        assert!(told.contains(&format!("Account redis DecodeFailed({reason:?})")), "{told:?}");
        assert!(told.contains(&"Account redis Filled".to_owned()), "{told:?}");
        accounts.find(1).await.unwrap();
        assert_eq!(take(&world.recorder), ["Account redis Hit"]);
    }
}

#[tokio::test]
async fn a_change_of_codec_needs_no_flush() {
    let world = World::new();
    let old = world.accounts(false, 1 << 20).await;
    old.find(1).await.unwrap();
    settle().await;
    take(&world.recorder);
    let new = world.accounts(true, 1 << 20).await;
    assert_eq!(new.find(1).await.unwrap().unwrap().balance, 1);
    assert_eq!(take(&world.recorder), ["Account redis Hit"], "what bincode wrote");
    new.refresh(1).await.unwrap();
    take(&world.recorder);
    assert_eq!(old.find(1).await.unwrap().unwrap().balance, 1);
    assert_eq!(take(&world.recorder), ["Account redis Hit"], "what postcard wrote");
}

#[tokio::test]
async fn a_row_past_the_limit_stays_uncached_and_blocks_nobody() {
    let world = World::new();
    let accounts = world.accounts(false, 2).await;
    for _ in 0..2 {
        assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1);
        settle().await;
        let told = take(&world.recorder);
        assert!(told.contains(&"Account redis FillRefused(\"encode\")".to_owned()), "{told:?}");
        assert!(!told.contains(&"Account redis Bypass(\"held\")".to_owned()), "{told:?}");
    }
}
