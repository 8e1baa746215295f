//! What pending writes say is kept across deploys: these bytes were written once, and are read for ever.

use cache_runtime::{Cache, InProcess, R2d2, models};
use cache_tests::databases::{Sqlite, migration};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::plain::PageStats;
use super::{CREATE, cache_outbox};

const ROW: &str = include_str!("../../golden/outbox.row.json");
const DELETION: &str = include_str!("../../golden/outbox.deletion.json");
const DELTA: &str = include_str!("../../golden/outbox.delta.json");

fn page() -> PageStats {
    PageStats {
        id: 7,
        title: "Stra\u{df}e \"7\"\n".to_owned(),
        views: -3,
        score: 0.1,
        last_seen: Some(i64::MAX),
        first_seen: None,
    }
}

async fn process(
    database: &Sqlite,
) -> cache_runtime::Repository<PageStats, R2d2<SqliteConnection>> {
    let cache = Cache::builder(R2d2::new(database.pool.clone()))
        .store(InProcess::new())
        .models(models![PageStats])
        .accept_write_loss()
        .build()
        .await
        .unwrap();
    let rows = cache.repository::<PageStats>();
    rows.pause_flushing().await;
    // Deref: the derived repository is one of these.
    (*rows).clone()
}

#[tokio::test]
async fn payloads_are_written_as_they_ever_were() {
    let database = Sqlite::with(&[CREATE, migration::<Sqlite>("cache_outbox").up]);
    let rows = process(&database).await;
    rows.enqueue(page()).await.unwrap();
    rows.merge(7, PageStats::delta().views(5).first_seen(Some(-1))).await.unwrap();
    rows.enqueue_delete(7).await.unwrap();
    let written: Vec<String> = cache_outbox::table
        .order(cache_outbox::seq)
        .select(cache_outbox::payload)
        .load(&mut database.pool.get().unwrap())
        .unwrap();
    assert_eq!(written, [ROW.trim_end(), DELTA.trim_end(), DELETION.trim_end()]);
}

#[tokio::test]
async fn payloads_that_were_written_once_are_read() {
    let database = Sqlite::with(&[CREATE, migration::<Sqlite>("cache_outbox").up]);
    let rows = process(&database).await;
    // Something to be replaced by what was written once.
    rows.enqueue(page()).await.unwrap();
    let is = |payload: &str, kind: i64| {
        let mut link = database.pool.get().unwrap();
        diesel::sql_query(format!("UPDATE cache_outbox SET kind = {kind}, payload = ?"))
            .bind::<Text, _>(payload.trim_end())
            .execute(&mut link)
            .unwrap();
    };
    is(ROW, 0);
    assert_eq!(*rows.find_uncached(7).await.unwrap().unwrap(), page());
    is(DELETION, 1);
    assert_eq!(rows.find_uncached(7).await.unwrap(), None);
    is(DELTA, 2);
    database.execute("INSERT INTO page_stats VALUES (7, 't', 1, 0, NULL, NULL)");
    let row = rows.find_uncached(7).await.unwrap().unwrap();
    assert_eq!((row.views, row.first_seen), (6, Some(-1)));
}
