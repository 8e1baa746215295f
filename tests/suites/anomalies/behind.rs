//! Of models that are written behind: a store that dies, flushes that cross, writes that are parked.

use std::time::Duration;

use cache_runtime::ErrorKind;
use cache_tests::account::accounts;
use cache_tests::modes::behind::Account;
use cache_tests::modes::{self, behind_reject as versions};
use diesel::prelude::*;

use super::world::{World, settle};
use crate::Seen;

const ROW: &str = "INSERT INTO accounts VALUES (1, 'a', 1)";

fn account(email: &str, balance: i64) -> Account {
    Account { id: 1, email: email.to_owned(), balance }
}

/// The balance that a repository gives for row 1.
macro_rules! balance {
    ($accounts:expr) => {
        $accounts.find(1).await.unwrap().map(|row| row.balance)
    };
}

/// The balance of row 1 in the table.
fn written(world: &World) -> Option<i64> {
    balance_in_table(world, 1)
}

fn balance_in_table(world: &World, id: i64) -> Option<i64> {
    accounts::table
        .find(id)
        .select(accounts::balance)
        .first(&mut world.database.pool.get().unwrap())
        .optional()
        .unwrap()
}

/// 33: acknowledged, and then the store forgets everything.
pub(crate) async fn store_dies(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, behind);
    writer.pause_flushing().await;
    writer.enqueue(account("a", 2)).await.unwrap();
    assert_eq!(balance!(writer), Some(2));
    world.flush().await;
    let read = balance!(writer);
    writer.resume_flushing();
    for _ in 0..50 {
        settle().await;
        if written(&world) == Some(2) {
            break;
        }
    }
    Seen::Hit(read == Some(2) && written(&world) == Some(2))
}

/// 34: between the read of the row and that of what is pending, it is flushed.
pub(crate) async fn flushed_between_two_reads(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, behind);
    let (gate, _, reader) = process!(world, behind);
    writer.pause_flushing().await;
    reader.pause_flushing().await;
    let ticket = writer.merge(1, Account::delta().balance(1)).await.unwrap();
    let between = gate.hold("load:after");
    let read = {
        let reader = reader.clone();
        tokio::spawn(async move { balance!(reader) })
    };
    reach!(between);
    writer.resume_flushing();
    ticket.flushed().await.unwrap();
    between.open();
    Seen::Hit(read.await.unwrap() == Some(2))
}

/// 35: of two that flush one row, the one with the older write is the later.
pub(crate) async fn flushed_by_two(world: World) -> Seen {
    // Of a stripe among the first that a flusher looks at, so that it is held with the row's write.
    let seven = |balance| Account { id: 7, email: "g".to_owned(), balance };
    let (gate, _, one) = process!(world, behind);
    let (_, _, other) = process!(world, behind);
    let (_, _, writer) = process!(world, behind);
    for rows in [&one, &other, &writer] {
        rows.pause_flushing().await;
    }
    writer.enqueue(seven(2)).await.unwrap();
    let taken = gate.hold("statement:after");
    one.resume_flushing();
    reach!(taken);
    let newer = writer.enqueue(seven(3)).await.unwrap();
    other.resume_flushing();
    let _ = tokio::time::timeout(Duration::from_millis(700), newer.flushed()).await;
    other.pause_flushing().await;
    taken.open();
    for _ in 0..20 {
        settle().await;
    }
    Seen::Hit(balance_in_table(&world, 7) == Some(3))
}

/// 36: applied, and then applied again.
pub(crate) async fn applied_again(world: World) -> Seen {
    world.database.execute(ROW);
    let (_, _, writer) = process!(world, behind);
    writer.merge(1, Account::delta().balance(5)).await.unwrap();
    for _ in 0..20 {
        settle().await;
        if written(&world) != Some(1) {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    Seen::Hit(written(&world) == Some(6))
}

/// Row 1 with a write that the database refuses, as row 2 has its email.
macro_rules! parked {
    ($world:expr, $writer:expr) => {{
        $world.database.execute(ROW);
        $world.database.execute("INSERT INTO accounts VALUES (2, 'b', 1)");
        $writer.pause_flushing().await;
        let refused = $writer.enqueue(account("b", 2)).await.unwrap();
        // Cached, as the write has put it.
        assert_eq!(balance!($writer), Some(2));
        $writer.resume_flushing();
        assert_eq!(refused.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
        settle().await;
    }};
}

/// 38: a write is parked, and a later one applied.
pub(crate) async fn applied_without_what_is_parked(world: World) -> Seen {
    let (_, _, writer) = process!(world, behind);
    parked!(world, writer);
    let later = writer.merge(1, Account::delta().balance(5)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = later.is_err_and(|error| error.kind() == ErrorKind::Parked);
    Seen::Hit(refused && written(&world) == Some(1))
}

/// 40: between the acknowledgement of a write and its flush, another program has changed the row.
pub(crate) async fn clobbered_by_a_flush(world: World) -> Seen {
    world.database.execute("INSERT INTO versions VALUES (1, 'a', 1, 5)");
    let (_, _, writer) = process!(world, behind_reject);
    writer.pause_flushing().await;
    let row = versions::Account { id: 1, email: "a".to_owned(), balance: 2, version: 5 };
    let acknowledged = writer.enqueue(row).await.unwrap();
    world.database.execute("UPDATE versions SET balance = 7, version = version + 1 WHERE id = 1");
    writer.resume_flushing();
    let parked = acknowledged.flushed().await.is_err_and(|error| error.kind() == ErrorKind::Parked);
    let balance: i64 = modes::versions::table
        .find(1)
        .select(modes::versions::balance)
        .first(&mut world.database.pool.get().unwrap())
        .unwrap();
    Seen::Hit(parked && balance == 7)
}

/// A row takes a unique value that another has left before, and is flushed first.
pub(crate) async fn taken_before_it_is_free(world: World) -> Seen {
    for id in 1..=6 {
        world.database.execute(&format!("INSERT INTO accounts VALUES ({id}, 'a{id}', 1)"));
    }
    let (_, _, writer) = process!(world, behind);
    writer.pause_flushing().await;
    let mut tickets = Vec::new();
    // In this order all is well. The flush goes by stripes, and knows nothing of it.
    for id in (1..=6).rev() {
        let row = Account { id, email: format!("a{}", id + 1), balance: 2 };
        tickets.push(writer.enqueue(row).await.unwrap());
    }
    writer.resume_flushing();
    let mut flushed = true;
    for ticket in tickets {
        flushed &= ticket.flushed().await.is_ok();
    }
    Seen::Hit(flushed)
}

/// 39: a parked write is served as if it were fine.
pub(crate) async fn parked_as_if_all_were_well(world: World) -> Seen {
    let (_, _, writer) = process!(world, behind);
    parked!(world, writer);
    Seen::Hit(writer.find(1).await.is_err_and(|error| error.kind() == ErrorKind::Parked))
}
