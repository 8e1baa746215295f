//! Of domain events: ahead of their commit, left by a consumer that died, unreadable, lost.

use std::time::{Duration, Instant};

use cache_runtime::{Cache, Events, models};
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::modes::taking::{Account, AccountRepository};
use cache_tests::scripted::Scripted;

use super::world::{Gated, World, settle};
use crate::Seen;

const ROW: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";
const CHANGE: &str = "UPDATE accounts SET balance = 2 WHERE id = 1";
const TELL: &str = "INSERT INTO cache_events (event_type, row_key) VALUES ('account', '1')";
const AHEAD: Duration = Duration::from_millis(700);

/// A process that takes these events, if any.
async fn process(
    world: &World,
    events: Option<Events<Gated>>,
) -> (Gate, Cache<Gated>, AccountRepository<Gated>) {
    let gate = Gate::default();
    let mut builder = Cache::builder(GatedDatabase::new(world.driver(), gate.clone()))
        .store(GatedStore::new(world.store.clone(), gate.clone()))
        .models(models![Account])
        .namespace(format!("{}-taking", world.namespace))
        .fence_expiry(crate::FENCE);
    if let Some(events) = events {
        builder = builder.events(events);
    }
    let cache = builder.build().await.unwrap();
    let accounts = cache.repository::<Account>();
    (gate, cache, accounts)
}

fn table() -> Events<Gated> {
    Events::table().on::<Account>("account").every(Duration::from_millis(5))
}

async fn balance(accounts: &AccountRepository<Gated>) -> i64 {
    accounts.find(1).await.unwrap().map_or(0, |row| row.balance)
}

async fn cached(accounts: &AccountRepository<Gated>) {
    assert_eq!(balance(accounts).await, 1);
    settle().await;
    assert_eq!(balance(accounts).await, 1);
}

/// Whether it came about in time.
macro_rules! soon {
    ($holds:expr) => {{
        let begun = Instant::now();
        loop {
            if $holds {
                break true;
            }
            if begun.elapsed() > Duration::from_secs(3) {
                break false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }};
}

/// 4: the event, a reader that fills what the database still says, and then the commit.
pub(crate) async fn outruns_the_commit(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _cache, accounts) = process(&world, Some(table().ahead(AHEAD))).await;
    cached(&accounts).await;
    gate.start_counting();
    world.database.execute(TELL);
    if !soon!(gate.passed("fence:after") + gate.passed("invalidate:after") > 0) {
        return Seen::NotReached("the removal");
    }
    assert_eq!(balance(&accounts).await, 1, "nobody knows better yet");
    settle().await;
    world.database.execute(CHANGE);
    Seen::Hit(balance(&accounts).await == 2)
}

/// 4: the same, of a unique value that nobody could know when the event came.
pub(crate) async fn outruns_a_new_value(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, cache, accounts) = process(&world, Some(table().ahead(AHEAD))).await;
    world.database.execute(TELL);
    if !soon!(gate.passed("fence:after") > 0) {
        return Seen::NotReached("the fence");
    }
    assert!(accounts.find_by_email("new").await.unwrap().is_none());
    settle().await;
    world.database.execute("UPDATE accounts SET email = 'new' WHERE id = 1");
    if !soon!(cache.consumed()[0].applied == 1) {
        return Seen::NotReached("the end of the event");
    }
    Seen::Hit(accounts.find_by_email("new").await.unwrap().is_some())
}

/// 4: a consumer dies before it has removed what it was told of, and another takes over.
pub(crate) async fn consumer_dies(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, reader) = process(&world, None).await;
    let (dead, _dead, _) = process(&world, Some(table())).await;
    cached(&reader).await;
    let crash = dead.hold("invalidate:before");
    world.database.execute(CHANGE);
    world.database.execute(TELL);
    reach!(crash);
    assert_eq!(balance(&reader).await, 1, "nobody has heard of it");
    // Its claim has expired.
    world.database.execute("UPDATE cache_events SET claimed_ms = 0");
    let (_, _other, _) = process(&world, Some(table())).await;
    Seen::Hit(soon!(balance(&reader).await == 2))
}

/// 4: an event of a known kind that says nothing that can be read.
pub(crate) async fn cannot_be_read(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, cache, accounts) = process(&world, Some(table())).await;
    cached(&accounts).await;
    world.database.execute(CHANGE);
    world
        .database
        .execute("INSERT INTO cache_events (event_type, row_key) VALUES ('account', '[1, 2, 3]')");
    if !soon!(cache.consumed()[0].parked == 1) {
        return Seen::NotReached("the end of the event");
    }
    Seen::Hit(balance(&accounts).await == 2)
}

/// 4: the event was lost, which its source tells.
pub(crate) async fn lost_on_the_way(world: World) -> Seen {
    world.database.execute(ROW);
    let source = Scripted::default();
    let events = Events::new(source.clone()).on::<Account>("account");
    let (_, cache, accounts) = process(&world, Some(events.every(Duration::from_millis(5)))).await;
    cached(&accounts).await;
    world.database.execute(CHANGE);
    source.lose();
    if !soon!(cache.consumed()[0].gaps == 1) {
        return Seen::NotReached("the end of the gap");
    }
    Seen::Hit(balance(&accounts).await == 2)
}
