// Included once for each column of the matrix: `Driver`, `Server`, `open` and `KIND` are
// the column's own.

type Backend = <Driver as Database>::Backend;

/// A database and a store on which processes are started.
struct World {
    server: Server,
    driver: Driver,
    store: Arc<dyn Store>,
    namespace: String,
}

impl World {
    fn new() -> Self {
        let (server, driver) = open();
        Self { server, driver, store: KIND.store(), namespace: namespace() }
    }
}

/// Waits for the fills in the background.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

written_is_read! {
    written_through_is_read: through;
    written_under_a_fence_is_read: fenced;
    written_through_under_a_fence_is_read: fenced_through;
    written_with_a_version_is_read: versioned;
    written_and_validated_is_read: validated;
    written_through_and_validated_is_read: validated_through;
}

filters_invalidate! {
    filters_invalidate_through: through, accounts;
    filters_invalidate_under_a_fence: fenced, accounts;
    filters_invalidate_the_whole_table_under_a_fence: fenced_through, accounts;
    filters_invalidate_with_validation: validated, versions;
    filters_invalidate_the_whole_table_with_validation: validated_through, versions;
}

#[tokio::test]
async fn what_was_written_through_is_a_hit_everywhere() {
    let world = World::new();
    let (_, _, writer) = process!(world, through);
    let (gate, _, reader) = process!(world, through);
    writer.insert(row!(through, 1, "a", 1)).await.unwrap();
    writer.update(1, set!(through, 2)).await.unwrap();
    assert_eq!(reader.find(1).await.unwrap().unwrap().balance, 2);
    assert_eq!(reader.find_by_email("a").await.unwrap().unwrap().balance, 2);
    assert_eq!(gate.passed("load:before"), 0, "no statement was needed");
}

#[tokio::test]
async fn without_the_store_fenced_writes_fail_and_others_commit() {
    let world = World::new();
    world.server.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    let points = ["get:before", "lease:before", "fill:before", "invalidate:before"];
    let fences = ["fence:before", "lift:before", "renew:before"];
    let cut = |gate: &Gate| points.iter().chain(&fences).for_each(|point| gate.fail(point));

    let (gate, _, strict) = process!(world, fenced_through);
    cut(&gate);
    let refused = strict.update(1, set!(fenced_through, 2)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Store);
    assert!(refused.to_string().contains("nothing was written"), "{refused}");
    assert_eq!(strict.find(1).await.unwrap().unwrap().balance, 1, "and reads go on");

    let (gate, _, eventual) = process!(world, through);
    cut(&gate);
    eventual.update(1, set!(through, 3)).await.unwrap().unwrap();
    assert_eq!(eventual.find(1).await.unwrap().unwrap().balance, 3);

    let (gate, _, validating) = process!(world, validated_through);
    cut(&gate);
    validating.insert(row!(validated_through, 1, "a", 4)).await.unwrap();
    validating.update(1, set!(validated_through, 5)).await.unwrap().unwrap();
    assert_eq!(validating.find(1).await.unwrap().unwrap().balance, 5);
}

/// Rows that were there before the counter of versions have what their migration gave to all.
#[tokio::test]
async fn hits_of_several_rows_are_each_validated_by_their_own() {
    let world = World::new();
    world.server.execute("INSERT INTO versions VALUES (1, 'a', 1, 5000), (2, 'b', 1, 5000)");
    let (gate, _, writer) = process!(world, validated);
    let (passed, _, reader) = process!(world, validated);
    reader.find_many([1_i64, 2]).await.unwrap();
    settle().await;
    gate.fail("invalidate:before");
    writer.update(1, set!(validated, 2)).await.unwrap().unwrap();
    let loads = passed.passed("load:before");
    let rows = reader.find_many([2_i64, 1]).await.unwrap();
    let balances: Vec<_> = rows.iter().flatten().map(|row| row.balance).collect();
    assert_eq!(balances, [1, 2], "the second is older than its row, though the first has its version");
    assert_eq!(passed.passed("load:before") - loads, 2, "the first was a hit: versions, one row");
}

#[tokio::test]
async fn a_strict_write_whose_end_is_not_confirmed_says_so() {
    let world = World::new();
    world.server.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    let (gate, _, writer) = process!(world, fenced_through);
    let (_, _, reader) = process!(world, fenced_through);
    assert_eq!(reader.find(1).await.unwrap().unwrap().balance, 1);
    settle().await;
    gate.fail("lift:before");
    let unreleased = writer.update(1, set!(fenced_through, 2)).await.unwrap_err();
    assert_eq!(unreleased.kind(), ErrorKind::Unreleased);
    assert_eq!(reader.find(1).await.unwrap().unwrap().balance, 2, "it is committed");
}

#[tokio::test]
async fn versions_count_and_old_ones_conflict() {
    let world = World::new();
    let (_, cache, accounts) = process!(world, versioned);
    let first = accounts.insert(row!(versioned, 1, "a", 1)).await.unwrap();
    let second = accounts.update(1, set!(versioned, 2)).await.unwrap().unwrap();
    assert!(second.version > first.version);
    let old = accounts.update_at(1, first.version, set!(versioned, 3)).await.unwrap_err();
    assert_eq!(old.kind(), ErrorKind::Conflict);
    let third = accounts.update_at(1, second.version, set!(versioned, 3)).await.unwrap();
    let mine = versioned::Account {
        id: 1,
        email: "mine".into(),
        balance: third.balance,
        version: third.version,
    };
    let saved = accounts.save(mine).await.unwrap();
    assert_eq!((saved.email.as_str(), saved.balance), ("mine", 3));
    assert!(saved.version > third.version);
    let stale = versioned::Account {
        id: 1,
        email: "stale".into(),
        balance: 0,
        version: third.version,
    };
    assert_eq!(accounts.save(stale).await.unwrap_err().kind(), ErrorKind::Conflict);
    let missing = accounts.update_at(2, 1, set!(versioned, 3)).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Conflict, "a row that is gone has no version");
    // A conflict leaves the transaction usable.
    let outcome = cache.transaction(async |tx| {
        let old = tx.repository::<versioned::Account>().update_at(1, 1, set!(versioned, 9)).await;
        assert_eq!(old.unwrap_err().kind(), ErrorKind::Conflict);
        tx.repository::<versioned::Account>().update(1, set!(versioned, 4)).await
    });
    assert_eq!(outcome.await.unwrap().unwrap().balance, 4);
    accounts.delete(1).await.unwrap();
    let again = accounts.insert(row!(versioned, 1, "a", 1)).await.unwrap();
    assert!(again.version > saved.version, "a version never comes back");
    assert_eq!(accounts.find(1).await.unwrap(), Some(again));
}

#[tokio::test]
async fn a_version_without_its_counter_is_refused_with_the_way_out() {
    let world = World::new();
    world.server.execute(Server::DROP_COUNTER);
    let built = Cache::builder(world.driver.clone())
        .shared_store(world.store.clone())
        .models(models![validated::Account])
        .build()
        .await;
    let error = built.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains(Backend::CREATE_COUNTER), "{error}");
}

/// Someone deletes past the repository; whoever then writes that key is told that it is gone, and
/// so is everybody else.
#[tokio::test]
async fn a_write_that_finds_no_row_forgets_the_key() {
    let world = World::new();
    for write in ["update", "delete"] {
        let (_, _, writer) = process!(world, through);
        let (_, _, reader) = process!(world, through);
        writer.insert(row!(through, 1, "a", 1)).await.unwrap();
        assert_eq!(reader.find(1).await.unwrap().unwrap().balance, 1);
        world.server.execute("DELETE FROM accounts");
        match write {
            "update" => assert!(writer.update(1, set!(through, 2)).await.unwrap().is_none()),
            _ => assert!(writer.delete(1).await.unwrap().is_none()),
        }
        assert!(reader.find(1).await.unwrap().is_none(), "after the {write}");
    }
}

/// The accepted risk is told in the builder's docs: the write is acknowledged all the same.
#[tokio::test]
async fn where_losing_fences_is_accepted_an_unconfirmed_end_is_no_error() {
    let world = World::new();
    world.server.execute("INSERT INTO accounts VALUES (1, 'a', 1)");
    let gate = Gate::default();
    let cache = Cache::builder(world.driver.clone())
        .store(GatedStore::new(world.store.clone(), gate.clone()))
        .models(models![fenced_through::Account])
        .namespace(format!("{}-accepting", world.namespace))
        .accept_fence_loss()
        .build()
        .await
        .unwrap();
    let accounts = cache.repository::<fenced_through::Account>();
    gate.fail("lift:before");
    assert_eq!(accounts.update(1, set!(fenced_through, 2)).await.unwrap().unwrap().balance, 2);
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);
}

/// As a number of eight bytes the counter is no text, which shows from 128 on.
#[tokio::test]
async fn a_counter_that_has_counted_far_is_still_found() {
    let world = World::new();
    for value in [127_i64, 128, 255, 65_536, 1 << 40] {
        world.server.execute(&Server::set_counter(value));
        let (_, _, accounts) = process!(world, versioned);
        let id = value;
        let row = accounts.insert(row!(versioned, id, format!("e{id}"), 1)).await.unwrap();
        assert_eq!(row.version, value + 1);
    }
}

#[tokio::test]
async fn a_transaction_commits_as_a_whole_and_sees_itself() {
    let world = World::new();
    let (_, cache, writer) = process!(world, through);
    let (gate, _, reader) = process!(world, through);
    writer.insert(row!(through, 1, "a", 10)).await.unwrap();
    writer.insert(row!(through, 2, "b", 10)).await.unwrap();
    let moved = cache
        .transaction(async |tx| {
            let mut rows = tx.repository::<through::Account>();
            let mut from = rows.lock(1).await?.unwrap();
            from.balance -= 4;
            let from = rows.save_locked(from).await?;
            let to = rows.update(2, set!(through, 14)).await?.unwrap();
            assert_eq!(rows.find(1).await?.as_ref(), Some(&from), "its own write");
            assert_eq!(rows.find_many([1, 2]).await?.len(), 2);
            assert_eq!(reader.find(1).await?.unwrap().balance, 10, "nobody else's yet");
            Ok::<_, Error>((from, to))
        })
        .await
        .unwrap();
    let before = gate.passed("load:before");
    assert_eq!(reader.find(1).await.unwrap(), Some(moved.0));
    assert_eq!(reader.find(2).await.unwrap(), Some(moved.1));
    assert_eq!(gate.passed("load:before"), before, "put by the commit");
}

#[tokio::test]
async fn a_transaction_that_fails_leaves_no_trace() {
    let world = World::new();
    let (_, cache, accounts) = process!(world, fenced_through);
    accounts.insert(row!(fenced_through, 1, "a", 1)).await.unwrap();
    let refused: Result<()> = cache
        .transaction(async |tx| {
            tx.repository::<fenced_through::Account>().update(1, set!(fenced_through, 2)).await?;
            Err(Error::new(ErrorKind::Conflict, "no"))
        })
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1);
    // A failed statement that was swallowed must not end in a COMMIT that the server turns
    // into a rollback.
    let swallowed: Result<()> = cache
        .transaction(async |tx| {
            let mut rows = tx.repository::<fenced_through::Account>();
            rows.update(1, set!(fenced_through, 3)).await?;
            assert!(rows.insert(row!(fenced_through, 1, "b", 1)).await.is_err());
            Ok(())
        })
        .await;
    assert_eq!(swallowed.unwrap_err().kind(), ErrorKind::Database);
    assert_eq!(accounts.find_uncached(1).await.unwrap().unwrap().balance, 1);
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1);
}

#[tokio::test]
async fn savepoints_keep_and_undo() {
    let world = World::new();
    let (_, cache, accounts) = process!(world, through);
    accounts.insert(row!(through, 1, "a", 1)).await.unwrap();
    cache
        .transaction(async |tx| {
            tx.savepoint(async |tx| {
                tx.repository::<through::Account>().update(1, set!(through, 2)).await
            })
            .await?;
            let taken: Result<_> = tx
                .savepoint(async |tx| {
                    let mut rows = tx.repository::<through::Account>();
                    rows.update(1, set!(through, 3)).await?;
                    rows.insert(row!(through, 1, "b", 1)).await
                })
                .await;
            assert!(taken.is_err());
            let row = tx.repository::<through::Account>().find(1).await?.unwrap();
            assert_eq!(row.balance, 2, "the first is kept, the second undone");
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);
}

#[tokio::test]
async fn a_lock_belongs_to_its_transaction() {
    let world = World::new();
    let (_, cache, accounts) = process!(world, through);
    accounts.insert(row!(through, 1, "a", 1)).await.unwrap();
    accounts.insert(row!(through, 2, "b", 2)).await.unwrap();
    let kept = cache
        .transaction(async |tx| tx.repository::<through::Account>().lock(1).await)
        .await
        .unwrap()
        .unwrap();
    let foreign = cache
        .transaction(async |tx| tx.repository::<through::Account>().save_locked(kept).await)
        .await;
    assert_eq!(foreign.unwrap_err().kind(), ErrorKind::Conflict);
    let rekeyed = cache
        .transaction(async |tx| {
            let mut rows = tx.repository::<through::Account>();
            let mut row = rows.lock(1).await?.unwrap();
            row.id = 2;
            rows.save_locked(row).await
        })
        .await;
    assert_eq!(rekeyed.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(accounts.find(2).await.unwrap().unwrap().balance, 2);
}

#[tokio::test]
async fn a_table_is_invalidated_as_a_whole_where_the_model_says_so() {
    let world = World::new();
    let (_, cache, accounts) = process!(world, fenced_through);
    for id in 1..=3 {
        accounts.insert(row!(fenced_through, id, format!("e{id}"), 1)).await.unwrap();
    }
    world.server.execute("UPDATE accounts SET balance = 2");
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 1, "nobody was told");
    accounts.invalidate_table().await.unwrap();
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);
    settle().await;
    let touched = cache.transaction(async |tx| {
        tx.repository::<fenced_through::Account>().find(1).await?;
        tx.touch_table::<fenced_through::Account>()
    });
    touched.await.unwrap();
    assert_eq!(accounts.find(1).await.unwrap().unwrap().balance, 2);
    let (_, _, without) = process!(world, through);
    let error = without.invalidate_table().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("bulk"), "{error}");
}

#[tokio::test]
async fn writes_of_one_key_at_once_end_with_what_the_database_has() {
    let world = World::new();
    let (_, _, first) = process!(world, through);
    let (_, _, second) = process!(world, through);
    first.insert(row!(through, 1, "a", 0)).await.unwrap();
    for round in 0..20 {
        let writes: Vec<_> = (0..4)
            .map(|n| {
                let accounts = if n % 2 == 0 { first.clone() } else { second.clone() };
                tokio::spawn(async move {
                    accounts.update(1, set!(through, round * 10 + n)).await.unwrap();
                })
            })
            .collect();
        for write in writes {
            write.await.unwrap();
        }
        let truth = first.find_uncached(1).await.unwrap();
        assert_eq!(second.find(1).await.unwrap(), truth);
        assert_eq!(first.find(1).await.unwrap(), truth);
    }
}
