//! Of what goes past the cache.

use std::time::{Duration, Instant};

use cache_runtime::{Cache, Reconcile, models};
use cache_tests::modes::aside::{Account, AccountChanges};

use super::world::{Gated, World};
use crate::Seen;

/// 41: raw SQL changes a row, and one that a legal write is just changing looks the same. The one
/// is found and removed, the other is left to its writer.
pub(crate) async fn raw_sql_among_legal_writes(world: World) -> Seen {
    world.database.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    world.database.execute("INSERT INTO accounts VALUES (2, 'b', 1)");
    let (writer_gate, _writer, writer) = process!(world, aside);
    let often = Reconcile::per_second(200).one_in(1).settle(Duration::from_millis(400));
    let database = cache_tests::gate::GatedDatabase::new(world.driver(), Default::default());
    let reader: Cache<Gated> = Cache::builder(database)
        .shared_store(world.store.clone())
        .models(models![Account])
        .namespace(format!("{}-aside", world.namespace))
        .reconcile(often)
        .build()
        .await
        .unwrap();
    let accounts = reader.repository::<Account>();
    accounts.find_many([1, 2]).await.unwrap();
    // A write that has committed, and is slow to say so.
    let invalidation = writer_gate.hold("invalidate:before");
    let slow = tokio::spawn(async move {
        writer.update(1, AccountChanges { balance: Some(2), email: None }).await
    });
    reach!(invalidation);
    let begun = Instant::now();
    let suspicious = || reader.reconciled().is_some_and(|it| it.unsettled + it.stale > 0);
    while !suspicious() {
        accounts.find(1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        if begun.elapsed() > Duration::from_secs(5) {
            return Seen::NotReached("a look while the write is under way");
        }
    }
    invalidation.open();
    slow.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let legal = reader.reconciled().map(|it| it.stale);
    world.database.execute("UPDATE accounts SET balance = 3 WHERE id = 2");
    while accounts.find(2).await.unwrap().is_some_and(|account| account.balance != 3) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if begun.elapsed() > Duration::from_secs(10) {
            return Seen::NotReached("the end of the stale entry");
        }
    }
    Seen::Hit(legal == Some(0))
}
