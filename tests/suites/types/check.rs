//! What is held for each table, on each store.

/// The tests of one module of `columns!`.
macro_rules! stores {
    () => {
        async fn check(kind: cache_tests::stores::Kind, codec: impl cache_runtime::ports::Codec) {
            use cache_runtime::ports::Event;

            let server = Server::with(SQL);
            let recorder = cache_runtime::testing::Recorder::default();
            let cache = cache_runtime::Cache::builder(server.pool.clone())
                .shared_store(kind.store())
                .codec(codec)
                .models(cache_runtime::models![Everything])
                .namespace(cache_tests::stores::namespace())
                .telemetry(recorder.clone())
                .build()
                .await
                .unwrap();
            let told = |event| recorder.count("Everything", |it| *it == event);
            let rows = cache.repository::<Everything>();
            let connection = &mut server.pool.get().unwrap();
            let count = usize::from(crate::columns::ROWS);
            let mut fresh = Vec::new();
            for seed in 0..crate::columns::ROWS {
                let id = i64::from(seed);
                let row = Everything::drawn(id, &mut Draw::seeded(seed));
                diesel::insert_into(everything::table)
                    .values(&row)
                    .execute(connection)
                    .unwrap_or_else(|error| panic!("{error}: {row:#?}"));
                fresh.push(everything::table.find(id).first::<Everything>(connection).unwrap());
                let loaded = rows.find(id).await.unwrap().unwrap();
                assert_eq!(loaded.differences(&fresh[usize::from(seed)]), [""; 0], "loaded");
            }
            // Fills are not waited for by those who read.
            for _ in 0..200 {
                if told(Event::Filled) == count {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            let statements = server.statements.count();
            for row in &fresh {
                let cached = rows.find(row.id).await.unwrap().unwrap();
                assert_eq!(cached.differences(row), [""; 0], "cached");
            }
            assert_eq!(told(Event::Hit), count, "{:?}", recorder.take_events());
            assert_eq!(server.statements.since(statements), 0, "read from the cache");
        }

        #[tokio::test]
        async fn in_process() {
            check(cache_tests::stores::Kind::InProcess, cache_runtime::Bincode).await;
        }

        #[tokio::test]
        async fn redis_with_bincode() {
            check(cache_tests::stores::Kind::Redis, cache_runtime::Bincode).await;
        }

        #[tokio::test]
        async fn redis_with_postcard() {
            check(cache_tests::stores::Kind::Redis, cache_runtime::Postcard).await;
        }
    };
}
pub(crate) use stores;
