//! A field's type keeps its name and changes its definition: the tokens of the model are the same,
//! and `cache_version` has to say it.

use std::time::Duration;

use cache_runtime::ports::{Event, Model as _};
use cache_runtime::testing::Recorder;
use cache_runtime::{Cache, Cached, R2d2, Redis, models};
use cache_tests::databases::Sqlite;
use cache_tests::redis_url;
use cache_tests::stores::namespace;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

diesel::table! {
    seats (id) {
        id -> BigInt,
        place -> Text,
    }
}

/// A seat with a definition of `Place`.
macro_rules! seat {
    ($module:ident, $version:literal, { $($place:tt)* }) => {
        mod $module {
            use super::*;

            #[derive(Debug, PartialEq, Serialize, Deserialize)]
            pub struct Place { $($place)* }

            #[derive(Queryable, Cached)]
            #[diesel(table_name = seats)]
            #[cached(pattern = "cache_aside", ttl = "10m", backends(sqlite), cache_version = $version)]
            pub struct Seat {
                pub id: i64,
                #[diesel(deserialize_as = String)]
                pub place: Place,
            }
        }
    };
}

seat!(old, 0, { pub row: u32, pub letter: u32 });
seat!(next, 1, { pub letter: u32, pub row: u32 });
seat!(forgotten, 0, { pub letter: u32, pub row: u32 });

macro_rules! from_text {
    ($($module:ident),*) => {$(
        impl From<String> for $module::Place {
            fn from(text: String) -> Self {
                let (row, letter) = text.split_at(text.len() - 1);
                Self { row: row.parse().unwrap(), letter: letter.as_bytes()[0].into() }
            }
        }
    )*};
}

from_text!(old, next, forgotten);

#[tokio::test]
async fn a_raised_cache_version_tells_two_definitions_apart() {
    let server = Sqlite::with(&[
        "CREATE TABLE seats (id BIGINT PRIMARY KEY, place TEXT NOT NULL)",
        "INSERT INTO seats VALUES (1, '12A')",
    ]);
    let namespace = namespace();
    let recorder = Recorder::default();
    macro_rules! find {
        ($seat:ty) => {{
            let cache = Cache::builder(R2d2::new(server.pool.clone()))
                .store(Redis::url(&redis_url()).unwrap())
                .namespace(&namespace)
                .telemetry(recorder.clone())
                .models(models![$seat])
                .build()
                .await
                .unwrap();
            let seat = cache.repository::<$seat>().find(1).await.unwrap().unwrap();
            // The fill is not waited for by who reads.
            assert_eq!(cache.shutdown(Duration::from_secs(5)).await.abandoned, 0);
            (seat.place.row, seat.place.letter)
        }};
    }
    let right = (12, u32::from(b'A'));
    assert_eq!(find!(old::Seat), right);
    assert_eq!(find!(next::Seat), right, "what the old build cached is not read");
    let hits = || recorder.count("Seat", |event| *event == Event::Hit);
    assert_eq!(hits(), 0);
    assert_eq!((find!(old::Seat), find!(next::Seat)), (right, right));
    assert_eq!(hits(), 2, "each has its own value");

    // What happens where it is forgotten: the number is the same, and the codec sees no difference.
    let [old, forgotten] = [old::Seat::DESCRIPTOR, forgotten::Seat::DESCRIPTOR];
    assert_eq!(old.fingerprint, forgotten.fingerprint);
    assert_ne!(find!(forgotten::Seat), right);
}
