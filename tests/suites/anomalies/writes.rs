//! Of writes: fences, puts, versions and transactions.

use cache_runtime::{Error, ErrorKind, Result};
use cache_tests::databases::Sql as _;
use cache_tests::modes::{aside, fenced, fenced_through, through, validated, versioned};
use diesel::prelude::*;

use super::Server;
use super::world::{World, settle};
use crate::{FENCE, Seen};

/// The balance that a repository gives for row 1.
macro_rules! balance {
    ($accounts:expr) => {
        $accounts.find(1).await.unwrap().map(|row| row.balance)
    };
}

/// The balance in the database.
macro_rules! truth {
    ($accounts:expr) => {
        $accounts.find_uncached(1).await.unwrap().map(|row| row.balance)
    };
}

/// Changes of a mode's model.
macro_rules! set {
    ($mode:ident, $balance:expr) => {
        $mode::AccountChanges { balance: Some($balance), ..$mode::AccountChanges::default() }
    };
}

/// Starts an update of row 1 in the background.
macro_rules! start {
    ($accounts:expr, $mode:ident, $balance:expr) => {{
        let accounts = $accounts.clone();
        tokio::spawn(async move { accounts.update(1, set!($mode, $balance)).await })
    }};
}

const ROW: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";

/// 6: a crash between commit and removal, and hits for ever.
pub(crate) async fn crash_after_commit(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, fenced);
    let (_, _, reader) = process!(world, fenced);
    assert_eq!(balance!(reader), Some(1));
    settle().await;
    let crash = gate.hold("commit:after");
    let _never_ends = start!(writer, fenced, 2);
    reach!(crash);
    Seen::Hit(balance!(reader) == Some(2))
}

/// 7: v2 is acknowledged, and what was read before it is filled after it.
pub(crate) async fn old_fill_after_a_write(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, fenced_through);
    let (gate, _, reader) = process!(world, fenced_through);
    let fill = gate.hold("fill:before");
    assert_eq!(balance!(reader), Some(1));
    reach!(fill);
    writer.update(1, set!(fenced_through, 2)).await.unwrap();
    fill.open();
    settle().await;
    Seen::Hit(balance!(reader) == Some(2))
}

/// 8: one reader sees v2 in the database, then another hits v1.
pub(crate) async fn bypass_then_hit(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, fenced);
    let (_, _, reader) = process!(world, fenced);
    assert_eq!(balance!(reader), Some(1));
    settle().await;
    let committed = gate.hold("commit:after");
    let write = start!(writer, fenced, 2);
    reach!(committed);
    assert_eq!(truth!(reader), Some(2));
    let seen = balance!(reader);
    committed.open();
    write.await.unwrap().unwrap();
    Seen::Hit(seen == Some(2))
}

/// 8: what a reader reads between fence and commit is filled.
pub(crate) async fn filled_behind_a_fence(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, fenced);
    let (_, _, reader) = process!(world, fenced);
    let (before, after) = (gate.hold("commit:before"), gate.hold("commit:after"));
    let write = start!(writer, fenced, 2);
    reach!(before);
    assert_eq!(balance!(reader), Some(1), "not committed yet");
    settle().await;
    before.open();
    reach!(after);
    assert_eq!(truth!(reader), Some(2));
    let seen = balance!(reader);
    after.open();
    write.await.unwrap().unwrap();
    Seen::Hit(seen == Some(2))
}

/// The same, of a write that covers the whole table.
pub(crate) async fn filled_behind_a_table_fence(world: World) -> Seen {
    use cache_tests::account::accounts;
    for id in 1..=5 {
        world.database.execute(&format!("INSERT INTO accounts VALUES ({id}, 'e{id}', 1)"));
    }
    let (gate, _, writer) = process!(world, fenced_through);
    let (_, _, reader) = process!(world, fenced_through);
    let (before, after) = (gate.hold("commit:before"), gate.hold("commit:after"));
    let all = accounts::balance.ge(0);
    let write =
        tokio::spawn(async move { writer.update_where(all, set!(fenced_through, 2)).await });
    reach!(before);
    assert_eq!(balance!(reader), Some(1), "not committed yet");
    settle().await;
    before.open();
    reach!(after);
    assert_eq!(truth!(reader), Some(2));
    let seen = balance!(reader);
    after.open();
    assert_eq!(write.await.unwrap().unwrap().len(), 5);
    Seen::Hit(seen == Some(2) && balance!(reader) == Some(2))
}

/// 10: COMMIT takes longer than the fence lives.
pub(crate) async fn slow_commit(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, fenced);
    let (_, _, reader) = process!(world, fenced);
    let (before, after) = (gate.hold("commit:before"), gate.hold("commit:after"));
    let write = start!(writer, fenced, 2);
    reach!(before);
    tokio::time::sleep(FENCE * 3 / 2).await;
    assert_eq!(balance!(reader), Some(1), "not committed yet");
    settle().await;
    before.open();
    reach!(after);
    assert_eq!(truth!(reader), Some(2));
    let seen = balance!(reader);
    after.open();
    write.await.unwrap().unwrap();
    Seen::Hit(seen == Some(2))
}

/// 10: the store forgets a fence, and a renewal brings it back as if it had always stood.
pub(crate) async fn renewed_after_a_loss(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, through);
    let (_, _, other) = process!(world, through);
    let committed = gate.hold("commit:after");
    let write = start!(slow, through, 2);
    reach!(committed);
    let renewal = gate.hold("renew:before");
    reach!(renewal);
    world.flush().await;
    other.update(1, set!(through, 3)).await.unwrap();
    renewal.open();
    settle().await;
    committed.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(other) == Some(3))
}

/// 11: W0 writes v2, W1 writes v3 and crashes after its commit, W0 puts v2.
pub(crate) async fn tainted_put(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, first) = process!(world, through);
    let (crashing, _, second) = process!(world, through);
    let lift = gate.hold("lift:before");
    let write = start!(first, through, 2);
    reach!(lift);
    let crash = crashing.hold("commit:after");
    let _never_ends = start!(second, through, 3);
    reach!(crash);
    lift.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(first) == Some(3))
}

/// 12: the store is emptied, another write puts v3, and the first one's put arrives.
pub(crate) async fn put_after_a_flush(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, through);
    let (_, _, other) = process!(world, through);
    let lift = gate.hold("lift:before");
    let write = start!(slow, through, 2);
    reach!(lift);
    world.flush().await;
    other.update(1, set!(through, 3)).await.unwrap();
    lift.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(other) == Some(3))
}

/// 13: the database refuses to commit, and the row is put all the same.
pub(crate) async fn put_after_a_rollback(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, through);
    gate.fail_as("commit:before", ErrorKind::Database);
    let refused = writer.update(1, set!(through, 2)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Database);
    assert_eq!(truth!(writer), Some(1));
    Seen::Hit(balance!(writer) == Some(1))
}

/// 13: a savepoint is undone, and its row is put all the same.
pub(crate) async fn put_of_an_undone_savepoint(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, cache, accounts) = process!(world, through);
    let transaction = cache.transaction(async |tx| {
        let undone: Result<()> = tx
            .savepoint(async |tx| {
                tx.repository::<through::Account>().update(1, set!(through, 2)).await?;
                Err(Error::new(ErrorKind::Conflict, "changed my mind"))
            })
            .await;
        assert_eq!(undone.unwrap_err().kind(), ErrorKind::Conflict);
        Ok::<_, Error>(())
    });
    transaction.await.unwrap();
    assert_eq!(truth!(accounts), Some(1));
    Seen::Hit(balance!(accounts) == Some(1))
}

/// 14: the answer to a COMMIT is lost, and it takes effect later.
pub(crate) async fn unknown_commit(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, fenced);
    let (_, _, reader) = process!(world, fenced);
    let late = gate.late("commit");
    let lost = writer.update(1, set!(fenced, 2)).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::CommitUnknown);
    tokio::time::sleep(FENCE * 3 / 2).await;
    assert_eq!(balance!(reader), Some(1), "it has not taken effect");
    settle().await;
    late.open();
    settle().await;
    assert_eq!(truth!(reader), Some(2));
    Seen::Hit(balance!(reader) == Some(2))
}

/// 14: the same for a model that is eventual, whose transaction has no name to ask by.
pub(crate) async fn unknown_commit_eventual(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, writer) = process!(world, aside);
    let (_, _, reader) = process!(world, aside);
    let late = gate.late("commit");
    let lost = writer.update(1, set!(aside, 2)).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::CommitUnknown);
    settle().await;
    assert_eq!(balance!(reader), Some(1), "it has not taken effect");
    settle().await;
    late.open();
    tokio::time::sleep(FENCE * 3 / 2).await;
    assert_eq!(truth!(reader), Some(2));
    Seen::Hit(balance!(reader) == Some(2))
}

/// 26: a put arrives when its fence is long gone.
pub(crate) async fn late_put(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, through);
    let (_, _, other) = process!(world, through);
    let lift = gate.hold("lift:before");
    let write = start!(slow, through, 2);
    reach!(lift);
    tokio::time::sleep(FENCE * 3 / 2).await;
    other.update(1, set!(through, 3)).await.unwrap();
    lift.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(other) == Some(3))
}

/// Takes away from a process everything that could remove an entry.
fn cut_off(gate: &cache_tests::gate::Gate) {
    ["fence:before", "lift:before", "invalidate:before"].iter().for_each(|point| gate.fail(point));
}

/// 28: deleted and inserted again, the row comes to a version that it had before.
pub(crate) async fn same_version_again(world: World) -> Seen {
    let (gate, _, writer) = process!(world, validated);
    let (_, _, reader) = process!(world, validated);
    let new = |balance| validated::NewAccount { id: 1, email: "a".into(), balance };
    writer.insert(new(57)).await.unwrap();
    assert_eq!(balance!(reader), Some(57));
    settle().await;
    cut_off(&gate);
    writer.delete(1).await.unwrap().unwrap();
    writer.insert(new(1)).await.unwrap();
    Seen::Hit(balance!(reader) == Some(1))
}

/// A hit is older than the row, because the store was never told.
pub(crate) async fn outdated_hit(world: World) -> Seen {
    let (gate, _, writer) = process!(world, validated);
    let (_, _, reader) = process!(world, validated);
    writer.insert(validated::NewAccount { id: 1, email: "a".into(), balance: 1 }).await.unwrap();
    assert_eq!(balance!(reader), Some(1));
    settle().await;
    cut_off(&gate);
    writer.update(1, set!(validated, 2)).await.unwrap();
    let many = reader.find_many([1_i64, 2]).await.unwrap();
    let many = many[0].as_ref().map(|row| row.balance);
    Seen::Hit(balance!(reader) == Some(2) && many == Some(2))
}

/// 42: a row read long ago is saved, over what others have written since.
pub(crate) async fn lost_update(world: World) -> Seen {
    let (_, _, accounts) = process!(world, versioned);
    let new = versioned::NewAccount { id: 1, email: "a".into(), balance: 1 };
    let read = accounts.insert(new).await.unwrap();
    accounts.update(1, set!(versioned, 100)).await.unwrap();
    let edited = versioned::Account {
        email: "b".into(),
        id: read.id,
        balance: read.balance,
        version: read.version,
    };
    let saved = accounts.save(edited).await;
    Seen::Hit(saved.is_err_and(|error| error.kind() == ErrorKind::Conflict))
}

/// 44: a read in a transaction gives what the cache has, and not what was just written.
pub(crate) async fn misses_its_own_writes(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, cache, accounts) = process!(world, fenced);
    assert_eq!(balance!(accounts), Some(1));
    settle().await;
    let transaction = cache.transaction(async |tx| {
        tx.repository::<fenced::Account>().update(1, set!(fenced, 2)).await?;
        let own = tx.repository::<fenced::Account>().find(1).await?;
        Ok::<_, Error>(own.map(|row| row.balance))
    });
    let seen = transaction.await.unwrap();
    Seen::Hit(seen == Some(2))
}

/// 45: a FENCE that was not answered is executed when its writer is about to put.
pub(crate) async fn late_duplicate_of_a_fence(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, fenced_through);
    let (_, _, other) = process!(world, fenced_through);
    let late = gate.late("fence");
    let lift = gate.hold("lift:before");
    let write = start!(slow, fenced_through, 2);
    reach!(lift);
    other.update(1, set!(fenced_through, 3)).await.unwrap();
    late.open();
    settle().await;
    lift.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(other) == Some(3))
}

/// 45: a FENCE that was not answered is executed after another write, and then put under.
pub(crate) async fn unanswered_fence(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, through);
    let (_, _, other) = process!(world, through);
    let late = gate.late("fence");
    let lift = gate.hold("lift:before");
    let write = start!(slow, through, 2);
    reach!(lift);
    other.update(1, set!(through, 3)).await.unwrap();
    late.open();
    settle().await;
    lift.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(other) == Some(3))
}

/// 46: a writer without a fence removes the entry, and then an older put arrives.
pub(crate) async fn put_after_a_fenceless_write(world: World) -> Seen {
    world.database.execute(ROW);
    let (gate, _, slow) = process!(world, through);
    let (fenceless, _, other) = process!(world, through);
    let lift = gate.hold("lift:before");
    let write = start!(slow, through, 2);
    reach!(lift);
    fenceless.fail("fence:before");
    other.update(1, set!(through, 3)).await.unwrap();
    lift.open();
    write.await.unwrap().unwrap();
    Seen::Hit(balance!(other) == Some(3))
}

/// 9, strict: a caller joins a load that is older than itself.
pub(crate) async fn joins_older_flight_strict(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, fenced);
    let (gate, _, reader) = process!(world, fenced);
    let read = gate.hold("load:after");
    let first = tokio::spawn({
        let reader = reader.clone();
        async move { reader.find(1).await }
    });
    reach!(read);
    writer.update(1, set!(fenced, 2)).await.unwrap();
    let second = tokio::spawn(async move { balance!(reader) });
    settle().await;
    read.open();
    first.await.unwrap().unwrap();
    Seen::Hit(second.await.unwrap() == Some(2))
}

/// 48, strict: a caller joins a flight between its FILL's execution and the reply.
pub(crate) async fn joins_after_fill_strict(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, fenced);
    let (gate, _, reader) = process!(world, fenced);
    let reply = gate.hold("fill:after");
    assert_eq!(balance!(reader), Some(1));
    reach!(reply);
    writer.update(1, set!(fenced, 2)).await.unwrap();
    let late = tokio::spawn(async move { balance!(reader) });
    settle().await;
    reply.open();
    Seen::Hit(late.await.unwrap() == Some(2))
}

/// A trigger changes the row after RETURNING has been answered.
pub(crate) async fn triggered_row(world: World) -> Seen {
    world.database.execute(ROW);
    world.database.execute(Server::TENFOLD.expect("not for a database that returns nothing"));
    let (_, _, accounts) = process!(world, through);
    let returned = accounts.update(1, set!(through, 2)).await.unwrap().unwrap();
    assert_eq!(truth!(accounts), Some(20));
    Seen::Hit(returned.balance == 20 && balance!(accounts) == Some(20))
}
