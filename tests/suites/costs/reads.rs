//! What reads cost.

use cache_tests::account::Account;
use cache_tests::modes::{fenced_through, validated};

use crate::meter::{Cost, alone, measured};

mod eventual {
    pub use cache_tests::account::Account;
}

fn cost([trips, gets, mgets, scripts, statements]: [usize; 5]) -> Cost {
    Cost { trips, gets, mgets, scripts, statements }
}

#[test]
fn a_miss_is_two_trips_and_a_statement_and_a_hit_is_one_get() {
    alone(async {
        let (_server, mut meter, cache) = measured!(Sqlite, eventual);
        let accounts = cache.repository::<Account>();
        let (_, miss) = meter.of("a miss", accounts.find(1)).await;
        assert_eq!(miss, cost([2, 1, 0, 1, 1]), "GET, lease, one statement");
        let (_, hit) = meter.of("a hit", accounts.find(1)).await;
        assert_eq!(hit, cost([1, 1, 0, 0, 0]), "a plain GET and no script");
    });
}

#[test]
fn a_lookup_is_one_get_more_once_it_is_cached() {
    alone(async {
        let (_server, mut meter, cache) = measured!(Sqlite, eventual);
        let accounts = cache.repository::<Account>();
        let (_, cold) = meter.of("a cold lookup", accounts.find_by_email("e2")).await;
        assert_eq!(cold, cost([2, 1, 0, 1, 1]), "as a miss");
        let (_, half) = meter.of("a lookup of an uncached row", accounts.find_by_email("e2")).await;
        assert_eq!(half, cost([3, 2, 0, 1, 1]), "one GET more than a miss");
        let (_, warm) = meter.of("a warm lookup", accounts.find_by_email("e2")).await;
        assert_eq!(warm, cost([2, 2, 0, 0, 0]), "two plain GETs");
    });
}

#[test]
fn many_rows_are_one_mget_and_those_missing_one_trip_and_one_statement() {
    alone(async {
        let (_server, mut meter, cache) = measured!(Sqlite, eventual);
        let accounts = cache.repository::<Account>();
        let (_, cold) = meter.of("three misses", accounts.find_many([3_i64, 4, 5, 3])).await;
        assert_eq!(cold, cost([2, 0, 1, 1, 1]), "MGET, three leases in one script, one statement");
        let keys = [1_i64, 3, 6, 7, 404];
        let (_, mixed) = meter.of("a hit and four misses", accounts.find_many(keys)).await;
        assert_eq!(mixed, cost([2, 0, 1, 1, 1]));
        let (_, warm) = meter.of("five hits", accounts.find_many(keys)).await;
        assert_eq!(warm, cost([1, 0, 1, 0, 0]), "absence included");
    });
}

/// The price of `bulk`: the era of the table comes with the value.
#[test]
fn a_hit_with_its_tables_era_is_one_mget() {
    alone(async {
        let (_server, mut meter, cache) = measured!(Sqlite, fenced_through);
        let accounts = cache.repository::<fenced_through::Account>();
        let (_, miss) = meter.of("bulk: a miss", accounts.find(1)).await;
        assert_eq!(miss, cost([2, 0, 1, 1, 1]), "MGET, lease, one statement");
        let (_, hit) = meter.of("bulk: a hit", accounts.find(1)).await;
        assert_eq!(hit, cost([1, 0, 1, 0, 0]));
        meter.of("bulk: two misses", accounts.find_many([2_i64, 3])).await.0.unwrap();
        let (_, hits) = meter.of("bulk: three hits", accounts.find_many([1_i64, 2, 3])).await;
        assert_eq!(hits, cost([1, 0, 1, 0, 0]));
    });
}

macro_rules! hits_are_validated {
    ($($name:ident: $server:ident;)*) => {$(
        #[test]
        fn $name() {
            alone(async {
                let (server, mut meter, cache) = measured!($server, validated);
                let accounts = cache.repository::<validated::Account>();
                let (_, miss) = meter.of("validated: a miss", accounts.find(1)).await;
                assert_eq!(miss, cost([2, 1, 0, 1, 1]), "as any miss");
                let (_, hit) = meter.of("validated: a hit", accounts.find(1)).await;
                assert_eq!(hit, cost([1, 1, 0, 0, 1]), "a plain GET, the row's version");
                meter.of("validated: two misses", accounts.find_many([2_i64, 3])).await.0.unwrap();
                let hits = accounts.find_many([1_i64, 2, 3]);
                let (_, hits) = meter.of("validated: three hits", hits).await;
                assert_eq!(hits, cost([1, 0, 1, 0, 1]), "an MGET, the versions in one statement");
                server.execute("UPDATE versions SET version = 77 WHERE id = 1");
                let (_, old) = meter.of("validated: a hit out of date", accounts.find(1)).await;
                assert_eq!(old, cost([3, 1, 0, 2, 2]), "a hit, its removal, and a lease to load");
            });
        }
    )*};
}

hits_are_validated! {
    a_validated_hit_is_one_get_and_one_statement_on_sqlite: Sqlite;
    a_validated_hit_is_one_get_and_one_statement_on_postgres: Postgres;
}
