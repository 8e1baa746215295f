// Included once for each column of the matrix: `Driver`, `Server`, `open` and `KIND` are
// the column's own.

include!("conflicts.rs");
include!("reads.rs");
include!("relatives.rs");
include!("transactions.rs");

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

    /// The rows as others see them, past the cache.
    fn rows(&self) -> Vec<(i64, i64)> {
        page_stats::table
            .order(page_stats::id)
            .select((page_stats::id, page_stats::views))
            .load(&mut self.server.pool.get().unwrap())
            .unwrap()
    }

    /// The balance and the version of the one row that has a version, past the cache.
    fn version(&self) -> Option<(i64, i64)> {
        modes::versions::table
            .select((modes::versions::balance, modes::versions::version))
            .first(&mut self.server.pool.get().unwrap())
            .optional()
            .unwrap()
    }

    fn pending(&self) -> i64 {
        cache_outbox::table.count().get_result(&mut self.server.pool.get().unwrap()).unwrap()
    }

    /// A store that has forgotten everything.
    fn wipe(&mut self) {
        self.store = KIND.store();
        self.namespace = namespace();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_durable_and_read_at_once_and_comes_into_its_row_later() {
    let mut world = World::new();
    let (_first, writer) = process!(world);
    let (_second, reader) = process!(world);
    writer.pause_flushing().await;
    reader.pause_flushing().await;
    assert_eq!(reader.find(1).await.unwrap(), None, "the absence is remembered");

    writer.enqueue(page(1, 10)).await.unwrap();
    assert_eq!(world.rows(), [], "it is not in its row yet");
    assert_eq!(world.pending(), 1);
    assert_eq!(reader.find(1).await.unwrap().unwrap().views, 10);
    assert_eq!(reader.find_uncached(1).await.unwrap().unwrap().views, 10);
    let many = reader.find_many([2, 1]).await.unwrap();
    assert_eq!(many.iter().map(|row| row.as_ref().map(|row| row.views)).collect::<Vec<_>>(), [None, Some(10)]);
    writer.merge(1, PageStats::delta().views(5)).await.unwrap();
    assert_eq!(reader.find(1).await.unwrap().unwrap().views, 15);
    assert_eq!(writer.pending().await.unwrap(), 2);

    drop((_first, writer, _second, reader));
    world.wipe();
    let (_third, rows) = process!(world);
    assert_eq!(rows.find(1).await.unwrap().unwrap().views, 15, "the store holds nothing of it");
    let last = rows.enqueue_delete(2).await.unwrap();
    last.flushed().await.unwrap();
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(1, 15)]);
    assert_eq!(rows.find(1).await.unwrap().unwrap().views, 15);
    rows.enqueue_delete(1).await.unwrap().flushed().await.unwrap();
    assert_eq!(world.rows(), []);
    assert_eq!(rows.find(1).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deltas_of_all_processes_come_together_by_their_rules() {
    let world = World::new();
    let (_first, one) = process!(world);
    let (_second, two) = process!(world);
    one.enqueue(page(7, 0)).await.unwrap();
    let mut tasks = Vec::new();
    for number in 1..=40 {
        let rows = if number % 2 == 0 { one.clone() } else { two.clone() };
        tasks.push(tokio::spawn(async move {
            let delta = PageStats::delta()
                .views(number)
                .last_seen(Some(100 + number))
                .first_seen(Some(100 + number))
                .score(0.1);
            rows.merge(7, delta).await.unwrap();
            rows.merge(7, PageStats::delta().last_seen(None).first_seen(None)).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let seen = one.find(7).await.unwrap().unwrap();
    assert_eq!(seen.views, 820, "the sum of 1 to 40");
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(7, 820)]);
    let row = two.find_uncached(7).await.unwrap().unwrap();
    assert_eq!((row.last_seen, row.first_seen, row.score), (Some(140), Some(101), 0.1));
    assert_eq!(*two.find(7).await.unwrap().unwrap(), *row);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_many_writes_of_a_row_is_what_it_becomes() {
    let world = World::new();
    let (_cache, rows) = process!(world);
    for round in 1..=30 {
        let all = (1..=20).map(|id| {
            let rows = rows.clone();
            tokio::spawn(async move { rows.enqueue(page(id, round)).await.unwrap() })
        });
        let mut last = None;
        for task in all.collect::<Vec<_>>() {
            last = Some(task.await.unwrap());
        }
        assert_eq!(rows.find(3).await.unwrap().unwrap().views, round);
        if round == 30 {
            last.unwrap().flushed().await.unwrap();
        }
    }
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), (1..=20).map(|id| (id, 30)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_written_is_parked_alone() {
    let world = World::new();
    let (_cache, rows) = process!(world);
    rows.enqueue(page(1, 1)).await.unwrap().flushed().await.unwrap();
    rows.pause_flushing().await;
    for id in 2..=20 {
        rows.enqueue(page(id, 1)).await.unwrap();
    }
    let too_many = rows.merge(5, PageStats::delta().views(1_000_000)).await.unwrap();
    let behind = rows.merge(5, PageStats::delta().views(1)).await.unwrap();
    let taken = PageStats { title: "page 1".into(), ..page(21, 1) };
    let twice = rows.enqueue(taken).await.unwrap();
    let no_row = rows.merge(22, PageStats::delta().views(1)).await.unwrap();
    assert_eq!(rows.find(22).await.unwrap(), None, "a delta alone makes no row");
    rows.resume_flushing();
    for ticket in [&too_many, &behind, &twice, &no_row] {
        assert_eq!(ticket.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    }
    let others: Vec<_> = (1..=20).filter(|id| *id != 5).map(|id| (id, 1)).collect();
    assert_eq!(world.rows(), others, "all others flowed");
    assert_eq!(rows.pending().await.unwrap(), 0);
    for id in [5, 21, 22] {
        assert_eq!(rows.find(id).await.unwrap_err().kind(), ErrorKind::Parked);
        let refused = rows.enqueue(page(id, 2)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Parked, "{refused}");
    }
    rows.merge(6, PageStats::delta().views(1)).await.unwrap().flushed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_parked_writes_others_queue_where_the_model_says_so() {
    let world = World::new();
    let (_cache, rows) = process!(world, small::PageStats);
    let delta = small::PageStats::delta;
    rows.merge(1, delta().title("one".into()).views(2)).await.unwrap().flushed().await.unwrap();
    assert_eq!(world.rows(), [(1, 2)], "the delta has made the row");
    let refused = rows.merge(1, delta().views(1_000_000)).await.unwrap();
    assert_eq!(refused.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    let queued = rows.merge(1, delta().views(1)).await.unwrap();
    assert_eq!(queued.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    assert_eq!(rows.find(1).await.unwrap_err().kind(), ErrorKind::Parked);
    let whole = small::PageStats { id: 1, title: "whole".into(), ..Default::default() };
    let queued = rows.enqueue(whole).await.unwrap();
    assert_eq!(queued.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    assert_eq!(rows.find(1).await.unwrap_err().kind(), ErrorKind::Parked, "it is not put either");
    assert_eq!((rows.pending().await.unwrap(), world.pending()), (0, 0));
    assert_eq!(world.rows(), [(1, 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_writes_are_retried_skipped_or_discarded() {
    let world = World::new();
    let (cache, rows) = process!(world);
    for id in 1..=4 {
        rows.enqueue(page(id, 1)).await.unwrap().flushed().await.unwrap();
    }
    rows.pause_flushing().await;
    let taken = |id: i64| PageStats { title: "page 4".into(), ..page(id, 2) };
    for id in 1..=3 {
        rows.enqueue(taken(id)).await.unwrap();
        rows.merge(id, PageStats::delta().title(format!("page {id}")).views(10)).await.unwrap();
        rows.merge(id, PageStats::delta().views(1_000_000)).await.unwrap();
        rows.merge(id, PageStats::delta().views(-1_000_000)).await.unwrap();
    }
    rows.merge(2, PageStats::delta().title("page 4".into())).await.unwrap();
    rows.merge(3, PageStats::delta().title("page 4".into())).await.unwrap();
    rows.merge(1, PageStats::delta().title("page 4".into())).await.unwrap();
    rows.resume_flushing();
    eventually(|| world.pending() == 0).await;
    let outboxes = cache.outboxes();
    let status = outboxes.status().await.unwrap().remove(0);
    assert_eq!((status.table.as_str(), status.pending, status.parked), ("page_stats", 0, (15, 3)));
    let parked = outboxes.parked().await.unwrap();
    let of = |id: i64| parked.iter().find(|row| row.key == format!("i1:{id}")).unwrap().clone();
    assert!(!of(1).error.is_empty());
    assert_eq!(of(1).payloads.len(), 5);
    assert_eq!(world.rows(), [(1, 1), (2, 1), (3, 1), (4, 1)]);

    world.server.execute("DELETE FROM page_stats WHERE id = 4");
    assert!(outboxes.decide(&of(1), Fate::Retry).await.unwrap());
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(1, 12), (2, 1), (3, 1)], "the title is free");
    assert_eq!(rows.find(1).await.unwrap().unwrap().title, "page 4");
    assert!(!outboxes.decide(&of(1), Fate::Discard).await.unwrap(), "they are not parked any more");

    assert!(outboxes.decide(&of(3), Fate::Discard).await.unwrap());
    assert_eq!(rows.find(3).await.unwrap().unwrap().views, 1, "as the table has it");
    rows.merge(3, PageStats::delta().views(1)).await.unwrap().flushed().await.unwrap();

    world.server.execute("UPDATE page_stats SET title = 'other' WHERE id = 1");
    assert!(outboxes.decide(&of(2), Fate::Skip).await.unwrap());
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(1, 12), (2, 11), (3, 2)], "without the row that came first");
    assert_eq!(rows.pending().await.unwrap(), 0);
    assert_eq!(outboxes.status().await.unwrap().remove(0).parked, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_outbox_refuses_or_lets_wait() {
    let world = World::new();
    let (cache, rows) = process!(world, small::PageStats);
    rows.pause_flushing().await;
    let delta = || small::PageStats::delta().title("one".into());
    for views in 1..=3 {
        rows.merge(1, delta().views(views)).await.unwrap();
    }
    let full = rows.merge(1, delta().views(9)).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Full, "{full}");
    assert_eq!(world.pending(), 3, "nothing was written");
    rows.resume_flushing();
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(1, 6)]);
    rows.pause_flushing().await;
    drop((cache, rows));

    let (_cache, rows) = process!(world, patient::PageStats);
    rows.pause_flushing().await;
    let row = |id: i64| patient::PageStats { id, title: format!("t{id}"), ..Default::default() };
    for id in 11..=13 {
        rows.enqueue(row(id)).await.unwrap();
    }
    let waiting = rows.clone();
    let waits = tokio::spawn(async move { waiting.enqueue(row(14)).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waits.is_finished());
    rows.resume_flushing();
    waits.await.unwrap().flushed().await.unwrap();
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_survive_deploys_and_what_cannot_be_read_is_parked() {
    let world = World::new();
    let (cache, rows) = process!(world);
    rows.pause_flushing().await;
    let not_a_number = PageStats { score: f64::NAN, ..page(1, 1) };
    let refused = rows.enqueue(not_a_number).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unreadable, "{refused}");
    rows.enqueue(page(1, 1)).await.unwrap();
    rows.enqueue(page(2, 2)).await.unwrap();
    world.server.execute("UPDATE cache_outbox SET payload = REPLACE(payload, '\"title\"', '\"heading\"')");
    world.server.execute(
        "UPDATE cache_outbox SET payload = REPLACE(payload, '\"views\":2', '\"views\":\"two\"')",
    );
    rows.enqueue(page(5, 5)).await.unwrap();
    world.server.execute(
        "UPDATE cache_outbox SET payload = REPLACE(payload, '\"views\":5', '\"views\":5,\"panics\":1')",
    );
    drop((cache, rows));
    let (_cache, rows) = process!(world, later::PageStats);
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.rows(), [(1, 1)]);
    assert_eq!(rows.find(1).await.unwrap().unwrap().title, "page 1");
    for id in [2, 5] {
        let parked = rows.find(id).await.unwrap_err();
        assert_eq!(parked.kind(), ErrorKind::Parked, "{parked}");
    }
    let within = _cache
        .transaction(async |tx| {
            let mut rows = tx.repository::<later::PageStats>();
            rows.find(1).await.map(drop).and(rows.find_many([1]).await.map(drop))
        })
        .await;
    assert_eq!(within.unwrap_err().kind(), ErrorKind::Configuration, "the table may be behind");
    rows.enqueue(later::PageStats { id: 3, title: "3".into(), ..Default::default() }).await.unwrap();
    rows.pause_flushing().await;
    rows.enqueue(later::PageStats { id: 4, title: "4".into(), ..Default::default() }).await.unwrap();
    drop(rows);
    drop(_cache);
    let (_cache, rows) = process!(world);
    let newer = rows.find_uncached(4).await.unwrap_err();
    assert!(
        [ErrorKind::Parked, ErrorKind::Unreadable].contains(&newer.kind()),
        "a build that is older than a payload does not guess: {newer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_drains_and_counts_and_the_migration_refuses_to_lose() {
    let world = World::new();
    let (cache, rows) = process!(world);
    for id in 1..=50 {
        rows.enqueue(page(id, id)).await.unwrap();
    }
    let drained = cache.shutdown(Duration::from_secs(20)).await;
    assert_eq!((drained.pending, drained.abandoned), (Some(0), 0));
    assert_eq!(world.rows().len(), 50);
    rows.pause_flushing().await;
    rows.enqueue(page(1, 0)).await.unwrap();
    let drained = cache.shutdown(Duration::from_secs(20)).await;
    assert_eq!(drained.pending, Some(1), "paused, it is handed over");
    let down = migration::<Server>("cache_outbox").down;
    let refused = world.server.pool.get().unwrap().batch_execute(down);
    assert!(refused.is_err(), "a write is pending");
    rows.resume_flushing();
    eventually(|| world.pending() == 0).await;
    rows.pause_flushing().await;
    drop((cache, rows));
    world.server.execute("DROP TABLE IF EXISTS cache_is_empty");
    world.server.execute(down);
}

/// Waits for what a flusher does in its own time.
async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..1500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to pass within half a minute");
}
