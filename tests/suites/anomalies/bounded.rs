//! Of models with a bound: invalidations that are lost, a store that fails over, a relay that dies.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::InProcess;
use cache_tests::modes::{bounded, bounded_through};
use cache_tests::switched::Switched;

use super::world::{World, settle};
use crate::Seen;

/// Longer than the bound of these models, which is a second.
const PAST: Duration = Duration::from_millis(1400);
/// Longer than a relay takes from one round to the next, shorter than a watermark lives.
const ROUND: Duration = Duration::from_millis(320);

const ROW: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";

/// The balance that a repository gives for row 1.
macro_rules! balance {
    ($accounts:expr) => {
        $accounts.find(1).await.unwrap().map(|row| row.balance)
    };
}

/// Changes of a mode's model.
macro_rules! set {
    ($mode:ident, $balance:expr) => {
        $mode::AccountChanges { balance: Some($balance), ..$mode::AccountChanges::default() }
    };
}

/// Starts an update in the background.
macro_rules! start {
    ($accounts:expr, $mode:ident, $id:expr, $balance:expr) => {{
        let accounts = $accounts.clone();
        tokio::spawn(async move { accounts.update($id, set!($mode, $balance)).await })
    }};
}

/// Row 1 as the reader has it in the cache.
macro_rules! cached {
    ($reader:expr, $balance:expr) => {
        assert_eq!(balance!($reader), Some($balance));
        settle().await;
        assert_eq!(balance!($reader), Some($balance));
    };
}

/// 6: a crash between commit and removal, and hits for ever.
pub(crate) async fn crash_after_commit(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, bounded);
    let (_, _, reader) = process!(world, bounded);
    cached!(reader, 1);
    let crash = gate.hold("invalidate:before");
    let _never_ends = start!(writer, bounded, 1, 2);
    reach!(crash);
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(2))
}

/// 15 and 16: a failover to a store that has missed a removal, which the relay has seen applied.
pub(crate) async fn removal_undone(mut world: World) -> Seen {
    world.database.execute(ROW);
    let old = world.store.clone();
    let switched = Switched::new(old.clone());
    world.store = Arc::new(switched.clone());
    let (_, _, writer) = process!(world, bounded);
    let (_, _, reader) = process!(world, bounded);
    cached!(reader, 1);
    switched.fail_over(Arc::new(InProcess::new())).await;
    writer.update(1, set!(bounded, 2)).await.unwrap();
    tokio::time::sleep(ROUND).await;
    switched.fail_over(old).await;
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(2))
}

/// 17 and 18: a store that nobody tells anything any more goes on answering.
pub(crate) async fn store_left_behind(world: World) -> Seen {
    world.database.execute(ROW);
    let (dead, _, writer) = process!(world, bounded);
    let (cut, _, reader) = process!(world, bounded);
    cached!(reader, 1);
    let (_relay, _other) = (dead.hold("mark:before"), cut.hold("mark:before"));
    let crash = dead.hold("invalidate:before");
    let _never_ends = start!(writer, bounded, 1, 2);
    reach!(crash);
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(2))
}

/// 21: the store's clock is set back, and its watermarks stand for longer than anybody vouched.
pub(crate) async fn clock_set_back(mut world: World) -> Seen {
    world.database.execute(ROW);
    let switched = Switched::new(world.store.clone());
    world.store = Arc::new(switched.clone());
    let (dead, _, writer) = process!(world, bounded);
    let (cut, _, reader) = process!(world, bounded);
    switched.set_back(Duration::from_secs(600)).await;
    tokio::time::sleep(ROUND).await;
    cached!(reader, 1);
    let (_relay, _other) = (dead.hold("mark:before"), cut.hold("mark:before"));
    let crash = dead.hold("invalidate:before");
    let _never_ends = start!(writer, bounded, 1, 2);
    reach!(crash);
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(2))
}

/// 25: a change commits after one with a greater number, which the relay has applied.
pub(crate) async fn outbox_gap(world: World) -> Seen {
    world.database.execute(ROW);
    world.database.execute("INSERT INTO accounts VALUES (2, 'b', 1)");
    let (gate, _, slow) = process!(world, bounded);
    let (_, _, other) = process!(world, bounded);
    let (_, _, reader) = process!(world, bounded);
    let (commit, crash) = (gate.hold("commit:before"), gate.hold("invalidate:before"));
    let _never_ends = start!(slow, bounded, 1, 2);
    reach!(commit);
    other.update(2, set!(bounded, 2)).await.unwrap();
    cached!(reader, 1);
    tokio::time::sleep(ROUND).await;
    cached!(reader, 1);
    commit.open();
    reach!(crash);
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(2))
}

/// 29: the database is restored to what it was, and the cache has what it has not.
pub(crate) async fn restored_database(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, bounded);
    let (_, _, reader) = process!(world, bounded);
    writer.update(1, set!(bounded, 2)).await.unwrap();
    tokio::time::sleep(ROUND).await;
    cached!(reader, 2);
    world.database.execute("UPDATE accounts SET balance = 1");
    world.database.execute("UPDATE cache_watermarks SET identity = 'of another life'");
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(1))
}

/// 46: a put follows the removal by the relay.
pub(crate) async fn put_after_the_relay(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, bounded_through);
    let (dead, _, other) = process!(world, bounded_through);
    let (_, _, reader) = process!(world, bounded_through);
    dead.fail("fence:before");
    let lift = gate.hold("lift:before");
    let write = start!(slow, bounded_through, 1, 2);
    reach!(lift);
    let crash = dead.hold("lift:before");
    let _never_ends = start!(other, bounded_through, 1, 3);
    reach!(crash);
    tokio::time::sleep(ROUND).await;
    lift.open();
    write.await.unwrap().unwrap();
    tokio::time::sleep(PAST).await;
    Seen::Hit(balance!(reader) == Some(3))
}
