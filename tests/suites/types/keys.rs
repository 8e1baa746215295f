//! The types that may be a key: a row is found under it, and forgotten under it.

use cache_runtime::testing::Recorder;
use cache_runtime::{AsKey, Cached, InProcess, KeyParts, KeyWriter};
use cache_tests::databases::{Mysql, Postgres};
use cache_tests::stores::namespace;
use diesel::prelude::*;
use proptest::prelude::*;

use crate::draw::{self, Draw, int};
use crate::own::Mood;

fn written(key: &impl KeyParts) -> Vec<u8> {
    let mut out = KeyWriter::default();
    key.write_parts(&mut out);
    out.as_bytes().to_vec()
}

/// `name: [SQL type], Rust type, "type in CREATE TABLE", strategy;`
macro_rules! keyed {
    ($server:ident, $backend:ty;
     $($name:ident: [$sql:ty], $type:ty, $ddl:literal, $strategy:expr;)+) => {$(
        mod $name {
            use super::*;

            diesel::table! {
                use diesel::sql_types::*;
                #[allow(unused_imports, reason = "only PostgreSQL's tables need all of them")]
                use diesel::pg::sql_types::*;
                #[allow(unused_imports, reason = "not each table has it")]
                use crate::own::MoodType;

                keyed (id) {
                    id -> $sql,
                    note -> Integer,
                }
            }

            #[derive(Debug, PartialEq, Queryable, Insertable, Cached)]
            #[diesel(table_name = keyed, check_for_backend($backend))]
            #[cached(pattern = "cache_aside", ttl = "10m", unique(note))]
            struct Keyed {
                id: $type,
                note: i32,
            }

            const CREATE: &str =
                concat!("CREATE TABLE keyed (id ", $ddl, " PRIMARY KEY, note INTEGER NOT NULL)");

            #[tokio::test]
            async fn is_a_key() {
                let server = $server::with(&[BEFORE, CREATE]);
                let recorder = Recorder::default();
                let cache = cache_runtime::Cache::builder(server.pool.clone())
                    .store(recorder.store(InProcess::new()))
                    .models(cache_runtime::models![Keyed])
                    .namespace(namespace())
                    .build()
                    .await
                    .unwrap();
                let rows = cache.repository::<Keyed>();
                let connection = &mut server.pool.get().unwrap();
                for seed in 0..32 {
                    let row = Keyed { id: Draw::seeded(seed).one(&$strategy), note: seed.into() };
                    // The same key may be drawn twice.
                    let _ = diesel::insert_into(keyed::table).values(&row).execute(connection);
                }
                let all: Vec<Keyed> = keyed::table.load(connection).unwrap();
                assert!(all.len() > 1, "{all:?}");
                for row in &all {
                    assert_eq!(rows.find(&row.id).await.unwrap().as_deref(), Some(row));
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                for row in &all {
                    assert_eq!(rows.find(&row.id).await.unwrap().as_deref(), Some(row));
                    assert_eq!(recorder.row("keyed", &row.id).hits, 1, "{row:?}");
                    // A lookup holds the key in its bytes.
                    let found = rows.find_by_note(row.note).await.unwrap();
                    assert_eq!(found.as_deref(), Some(row));
                    rows.invalidate(&row.id).await;
                    assert_eq!(recorder.row("keyed", &row.id).invalidations, 1, "{row:?}");
                }
            }

            #[test]
            fn differs_where_its_value_does() {
                let keys: Vec<$type> = (0..=255).map(|seed| Draw::seeded(seed).one(&$strategy)).collect();
                for key in &keys {
                    let owned: $type = key.to_key();
                    for other in &keys {
                        assert_eq!(&owned == other, written(&owned) == written(other), "{owned:?} {other:?}");
                    }
                }
            }
        }
    )+};
}

/// To the microsecond, as the databases keep it.
const SECONDS: std::ops::RangeInclusive<i64> = -60_000_000_000..=250_000_000_000;

mod postgres {
    use super::*;

    const BEFORE: &str = "CREATE TYPE mood AS ENUM ('sad', 'happy')";

    keyed! {
        Postgres, diesel::pg::Pg;
        small: [SmallInt], i16, "SMALLINT", int!(i16);
        oid: [Oid], u32, "OID", int!(u32);
        flag: [Bool], bool, "BOOLEAN", any::<bool>();
        text: [Text], String, "TEXT", draw::text();
        bytes: [Binary], Vec<u8>, "BYTEA", draw::bytes();
        unique_id: [Uuid], uuid::Uuid, "UUID", int!(u128).prop_map(uuid::Uuid::from_u128);
        date: [Date], chrono::NaiveDate, "DATE", draw::chrono::date(SECONDS);
        clock: [Time], chrono::NaiveTime, "TIME", draw::chrono::time();
        stamp: [Timestamp], chrono::NaiveDateTime, "TIMESTAMP", draw::chrono::naive(SECONDS);
        utc: [Timestamptz], chrono::DateTime<chrono::Utc>, "TIMESTAMPTZ", draw::chrono::utc(SECONDS);
        date_t: [Date], time::Date, "DATE", draw::time::date(SECONDS);
        clock_t: [Time], time::Time, "TIME", draw::time::time();
        stamp_t: [Timestamp], time::PrimitiveDateTime, "TIMESTAMP", draw::time::primitive(SECONDS);
        utc_t: [Timestamptz], time::OffsetDateTime, "TIMESTAMPTZ", draw::time::offset(SECONDS);
        network: [Inet], ipnetwork::IpNetwork, "INET", crate::postgres::network();
        net: [Inet], ipnet::IpNet, "INET", crate::postgres::network().prop_map(|it| {
            ipnet::IpNet::new(it.ip(), it.prefix()).expect("a network")
        });
        mac: [MacAddr], [u8; 6], "MACADDR", any::<[u8; 6]>();
        mood: [MoodType], Mood, "MOOD", crate::postgres::mood();
    }
}

mod mysql {
    use super::*;

    const BEFORE: &str = "DROP TABLE IF EXISTS keyed";

    keyed! {
        Mysql, diesel::mysql::Mysql;
        tiny: [TinyInt], i8, "TINYINT", int!(i8);
        utiny: [Unsigned<TinyInt>], u8, "TINYINT UNSIGNED", int!(u8);
        ubig: [Unsigned<BigInt>], u64, "BIGINT UNSIGNED", int!(u64);
        mood: [MoodType], Mood, "ENUM('sad', 'happy')", crate::postgres::mood();
    }
}
