//! Of reads and fills, for models that are eventual.

use std::time::{Duration, Instant};

use cache_tests::account::{AccountChanges, NewAccount, TagChanges};

use super::world::{Process, World, settle};
use crate::Seen;

async fn balance(process: &Process, id: i64) -> Option<i64> {
    process.accounts.find(id).await.unwrap().map(|account| account.balance)
}

/// 1, stale set: R misses and reads v1, W commits v2 and deletes, R fills v1.
pub(crate) async fn stale_set(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    writer.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    let fill = reader.gate.hold("fill:before");
    let read = balance(&reader, 1).await;
    assert_eq!(read, Some(1));
    reach!(fill);
    writer.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    fill.open();
    settle().await;
    Seen::Hit(balance(&reader, 1).await == Some(2))
}

/// 2, evicted-newer: v2 is filled and goes again, then the delayed fill of v1 arrives.
pub(crate) async fn evicted_newer(world: World) -> Seen {
    let (slow, writer, quick) =
        (world.process().await, world.process().await, world.process().await);
    writer.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    let fill = slow.gate.hold("fill:before");
    assert_eq!(balance(&slow, 1).await, Some(1));
    reach!(fill);
    writer.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    assert_eq!(balance(&quick, 1).await, Some(2));
    settle().await;
    // The ttl of the model is a second: v2 goes, as it would by eviction.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    fill.open();
    settle().await;
    Seen::Hit(balance(&quick, 1).await == Some(2))
}

/// 9, on an eventual model: a caller joins a flight older than itself.
pub(crate) async fn joins_older_flight(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    writer.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    let read = reader.gate.hold("load:after");
    let accounts = reader.accounts.clone();
    let first = tokio::spawn(async move { accounts.find(1).await });
    reach!(read);
    writer.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    let accounts = reader.accounts.clone();
    let second = tokio::spawn(async move { accounts.find(1).await });
    settle().await;
    read.open();
    first.await.unwrap().unwrap();
    Seen::Hit(second.await.unwrap().unwrap().unwrap().balance == 2)
}

/// 19: the store is emptied, and a token comes again.
pub(crate) async fn token_reused(world: World) -> Seen {
    let slow = world.process().await;
    world.database.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    let fill = slow.gate.hold("fill:before");
    assert_eq!(balance(&slow, 1).await, Some(1));
    reach!(fill);
    let writer = world.process().await;
    writer.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    world.flush().await;
    // A process that starts now: a counter would start again.
    let fresh = world.process().await;
    let other = fresh.gate.hold("fill:before");
    assert_eq!(balance(&fresh, 1).await, Some(2));
    reach!(other);
    fill.open();
    settle().await;
    let seen = balance(&writer, 1).await;
    other.open();
    Seen::Hit(seen == Some(2))
}

/// 20: a delayed fill gets a full ttl.
pub(crate) async fn delayed_fill(world: World) -> Seen {
    let reader = world.process().await;
    world.database.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    let fill = reader.gate.hold("fill:before");
    let leased = Instant::now();
    assert_eq!(balance(&reader, 1).await, Some(1));
    reach!(fill);
    // Past the cache: the ttl alone bounds the age of what is served.
    world.database.execute("UPDATE accounts SET balance = 2 WHERE id = 1");
    tokio::time::sleep(Duration::from_millis(800)).await;
    fill.open();
    let past_ttl = Duration::from_millis(1200);
    tokio::time::sleep(past_ttl.saturating_sub(leased.elapsed())).await;
    Seen::Hit(balance(&reader, 1).await == Some(2))
}

/// 28, without a version: deleted and inserted again while an old row waits to be filled.
pub(crate) async fn reinserted(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    writer.accounts.insert(NewAccount::new(1, 57)).await.unwrap();
    let fill = reader.gate.hold("fill:before");
    assert_eq!(balance(&reader, 1).await, Some(57));
    reach!(fill);
    writer.accounts.delete(1).await.unwrap().unwrap();
    writer.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    fill.open();
    settle().await;
    Seen::Hit(balance(&reader, 1).await == Some(1))
}

/// 30: the row was absent when it was read, and is inserted before that is filled.
pub(crate) async fn absence_outlives_insert(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    let fill = reader.gate.hold("fill:before");
    assert_eq!(balance(&reader, 1).await, None);
    reach!(fill);
    writer.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    fill.open();
    settle().await;
    Seen::Hit(balance(&reader, 1).await == Some(1))
}

/// 31: the value moves to another row between a lookup's two reads.
pub(crate) async fn old_value_resolves(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    writer.accounts.insert(NewAccount { id: 1, email: "old".into(), balance: 1 }).await.unwrap();
    reader.accounts.find_by_email("old").await.unwrap().unwrap();
    settle().await;
    let lookup = reader.gate.hold("get:after");
    let accounts = reader.accounts.clone();
    let read = tokio::spawn(async move { accounts.find_by_email("old").await });
    reach!(lookup);
    writer.accounts.update(1, AccountChanges::email("new")).await.unwrap();
    lookup.open();
    // The read overlaps the write, but never may it give a row that has another value.
    let row = read.await.unwrap().unwrap();
    Seen::Hit(row.is_none_or(|row| row.email == "old"))
}

/// 31: nobody had the value when it was asked for; then a row takes it.
pub(crate) async fn new_value_does_not_resolve(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    writer.accounts.insert(NewAccount { id: 1, email: "old".into(), balance: 1 }).await.unwrap();
    let fill = reader.gate.hold("fill:before");
    assert!(reader.accounts.find_by_email("new").await.unwrap().is_none());
    reach!(fill);
    writer.accounts.update(1, AccountChanges::email("new")).await.unwrap();
    fill.open();
    settle().await;
    let resolves = reader.accounts.find_by_email("new").await.unwrap().is_some();
    let gone = reader.accounts.find_by_email("old").await.unwrap().is_none();
    Seen::Hit(resolves && gone)
}

/// 48: a caller joins a flight between its FILL's execution and the reply.
pub(crate) async fn joins_after_fill(world: World) -> Seen {
    let (reader, writer) = (world.process().await, world.process().await);
    writer.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    let reply = reader.gate.hold("fill:after");
    assert_eq!(balance(&reader, 1).await, Some(1));
    reach!(reply);
    writer.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    let accounts = reader.accounts.clone();
    let late = tokio::spawn(async move { accounts.find(1).await });
    settle().await;
    reply.open();
    Seen::Hit(late.await.unwrap().unwrap().unwrap().balance == 2)
}

/// The database equates two spellings of a key; only one of them is invalidated.
pub(crate) async fn other_spelling(world: World) -> Seen {
    let process = world.process().await;
    world.database.execute("INSERT INTO tags VALUES ('Rust', 1)");
    let fill = process.gate.hold("load:after");
    let tags = process.tags.clone();
    let read = tokio::spawn(async move { tags.find("rust").await });
    reach!(fill);
    fill.open();
    assert_eq!(read.await.unwrap().unwrap().unwrap().uses, 1);
    settle().await;
    process.tags.update("Rust", TagChanges { uses: 2 }).await.unwrap().unwrap();
    Seen::Hit(process.tags.find("rust").await.unwrap().unwrap().uses == 2)
}

/// The store refuses the invalidation but goes on serving reads.
pub(crate) async fn refused_invalidation(world: World) -> Seen {
    let process = world.process().await;
    process.accounts.insert(NewAccount::new(1, 1)).await.unwrap();
    assert_eq!(balance(&process, 1).await, Some(1));
    settle().await;
    process.gate.fail("invalidate:before");
    let before = process.gate.passed("invalidate:before");
    process.accounts.update(1, AccountChanges::balance(2)).await.unwrap();
    if process.gate.passed("invalidate:before") == before {
        return Seen::NotReached("invalidate:before");
    }
    Seen::Hit(balance(&process, 1).await == Some(2))
}
