//! 43, contract skew: a process that does not know a list never removes it. Two programs, of which
//! the old one does not know the list of the new one.

use std::time::Duration;

use cache_tests::skew::{new, old};

use super::world::{World, settle};
use crate::Seen;

/// How long a process is live without another word. Its view is fresh for six tenths of that.
const LEASE: Duration = Duration::from_secs(2);
/// Longer than a few beats, shorter than a view is fresh.
const BEATS: Duration = Duration::from_millis(700);
/// Longer than a lease.
const PAST: Duration = Duration::from_millis(2600);

const ROW: &str = "INSERT INTO accounts VALUES (1, 'e1', 5)";

/// A registered process of a program: its gate, its cache, its rows.
macro_rules! registered {
    ($world:expr, $program:ident) => {
        registered!($world, $program, cache_tests::gate::Gate::default())
    };
    ($world:expr, $program:ident, $gate:expr) => {{
        let gate: cache_tests::gate::Gate = $gate;
        let store = cache_tests::gate::GatedStore::new($world.store.clone(), gate.clone());
        let database = cache_tests::gate::GatedDatabase::new($world.driver(), gate.clone());
        let cache = cache_runtime::Cache::builder(database)
            .store(store)
            .models(cache_runtime::models![$program::Account])
            .namespace($world.namespace.clone())
            .register_contracts()
            .contract_lease(LEASE)
            .build()
            .await
            .unwrap();
        let accounts = cache.repository::<$program::Account>();
        (gate, cache, accounts)
    }};
}

/// How many rows the list has.
macro_rules! listed {
    ($accounts:expr) => {
        $accounts.list_by_balance(5).await.unwrap().len()
    };
}

/// The list as a reader has it in the cache, where it is served.
macro_rules! cached {
    ($accounts:expr, $rows:expr) => {
        assert_eq!(listed!($accounts), $rows);
        settle().await;
        assert_eq!(listed!($accounts), $rows);
        settle().await;
    };
}

/// The old program starts beside the new one, as in a rollback, and writes.
pub(crate) async fn old_beside_new(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, reader) = registered!(world, new);
    cached!(reader, 1);
    let (_, _, writer) = registered!(world, old);
    writer.insert(old::NewAccount::new(2, 5)).await.unwrap();
    Seen::Hit(listed!(reader) == 2)
}

/// The same, while the new one has not yet seen it.
pub(crate) async fn old_before_it_is_seen(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, reader) = registered!(world, new);
    cached!(reader, 1);
    let beat = gate.hold("begin:before");
    reach!(beat);
    let rolled_back = tokio::spawn(async move {
        let (_, cache, writer) = registered!(world, old);
        writer.insert(old::NewAccount::new(2, 5)).await.unwrap();
        (world, cache)
    });
    tokio::time::sleep(BEATS).await;
    if rolled_back.is_finished() {
        return Seen::Hit(listed!(reader) == 2);
    }
    beat.open();
    let _world = rolled_back.await.unwrap();
    Seen::Hit(listed!(reader) == 2)
}

/// The same, while the new one sees nothing any more, and is taken for dead.
pub(crate) async fn view_of_before(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, reader) = registered!(world, new);
    cached!(reader, 1);
    let beat = gate.hold("begin:before");
    reach!(beat);
    let (_, _, writer) = registered!(world, old);
    writer.insert(old::NewAccount::new(2, 5)).await.unwrap();
    Seen::Hit(listed!(reader) == 2)
}

/// What the new program filled before a rollback is there when it is alone again.
pub(crate) async fn filled_before_a_rollback(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, cache, reader) = registered!(world, new);
    cached!(reader, 1);
    let (_, old_cache, writer) = registered!(world, old);
    writer.insert(old::NewAccount::new(2, 5)).await.unwrap();
    drop((old_cache, writer));
    for _ in 0..40 {
        if cache.withheld().is_empty() {
            return Seen::Hit(listed!(reader) == 2);
        }
        tokio::time::sleep(BEATS / 7).await;
    }
    Seen::NotReached("the list served again")
}

/// One process is told of the names that entries now have, and another is not yet.
pub(crate) async fn names_not_yet_seen(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, reader) = registered!(world, new);
    let (gate, _, writer) = registered!(world, new);
    let (_, old_cache, old_rows) = registered!(world, old);
    let beat = gate.hold("begin:before");
    reach!(beat);
    drop((old_cache, old_rows));
    tokio::time::sleep(BEATS).await;
    cached!(reader, 1);
    writer.insert(new::NewAccount::new(2, 5)).await.unwrap();
    let seen = Seen::Hit(listed!(reader) == 2);
    beat.open();
    seen
}

/// A transaction began before its process was told, and ends after others serve the new names.
pub(crate) async fn names_of_an_open_transaction(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, reader) = registered!(world, new);
    let (gate, _, writer) = registered!(world, new);
    let (_, old_cache, old_rows) = registered!(world, old);
    // Past the next beat, so that it is the write that is held at its COMMIT.
    let beat = gate.hold("begin:before");
    reach!(beat);
    let commit = gate.hold("commit:before");
    let write = tokio::spawn(async move { writer.insert(new::NewAccount::new(2, 5)).await });
    reach!(commit);
    beat.open();
    drop((old_cache, old_rows));
    tokio::time::sleep(BEATS).await;
    cached!(reader, 1);
    commit.open();
    write.await.unwrap().unwrap();
    Seen::Hit(listed!(reader) == 2)
}

/// A process says nothing for a while, and still serves what it may.
pub(crate) async fn silent_for_a_while(world: World) -> Seen {
    old_before_it_is_seen(world).await
}

/// A write of the old program takes longer than its lease.
pub(crate) async fn slow_write_of_the_old(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, cache, reader) = registered!(world, new);
    let (gate, _, writer) = registered!(world, old);
    // Its next beat never comes, so that the write is what is held below.
    let beat = gate.hold("begin:before");
    reach!(beat);
    let statement = gate.hold("statement:after");
    let write = tokio::spawn(async move { writer.insert(old::NewAccount::new(2, 5)).await });
    reach!(statement);
    tokio::time::sleep(PAST).await;
    for _ in 0..40 {
        if cache.withheld().is_empty() {
            break;
        }
        tokio::time::sleep(BEATS / 7).await;
    }
    cached!(reader, 1);
    statement.open();
    let outcome = write.await.unwrap();
    let rows = if outcome.is_ok() { 2 } else { 1 };
    Seen::Hit(listed!(reader) == rows)
}
