//! What a write of one row costs, under each pattern and promise.
//!
//! Measured against the same write of plain Diesel: BEGIN, UPDATE, COMMIT, and no Redis.

use cache_tests::account::accounts;
use cache_tests::modes::{
    aside, bounded, bounded_through, fenced, fenced_through, through, validated, validated_through,
    versioned,
};
use diesel::prelude::*;

use crate::meter::{Cost, WriteCost, alone, measured};

/// A model that nothing but its key leads to.
mod keyed {
    use cache_runtime::Cached;
    use cache_tests::account::accounts;
    use diesel::prelude::*;

    #[derive(Queryable, Cached, Debug)]
    #[diesel(table_name = accounts)]
    #[cached(pattern = "cache_aside", ttl = "10m", consistency = "strict(fenced)",
             changeset = AccountChanges)]
    pub struct Account {
        pub id: i64,
        pub email: String,
        pub balance: i64,
    }

    #[derive(AsChangeset, Debug, Default)]
    #[diesel(table_name = accounts)]
    pub struct AccountChanges {
        pub email: Option<String>,
        pub balance: Option<i64>,
    }
}

/// BEGIN, UPDATE, COMMIT.
const PLAIN: usize = 3;
/// The row as it was, locked: its old unique values lead to entries, too.
const OLD_ROW: usize = 1;
/// The counter that versions come from is a table in SQLite, and in PostgreSQL a sequence that
/// the UPDATE itself asks.
const COUNT_ON_SQLITE: usize = 1;
/// A strict write asks PostgreSQL for the transaction's name, beside its fence and not after it,
/// so that a lost answer to COMMIT can be asked for.
const NAME_ON_POSTGRES: usize = 1;

/// One update by key of a cached row.
macro_rules! update {
    ($server:ident, $mode:ident) => {{
        let (_server, mut meter, cache) = measured!($server, $mode);
        let accounts = cache.repository::<$mode::Account>();
        meter.of("a miss before the write", accounts.find(1)).await.0.unwrap();
        let changes =
            $mode::AccountChanges { balance: Some(5), ..$mode::AccountChanges::default() };
        let what = concat!(stringify!($mode), " on ", stringify!($server), ": an update");
        let (row, cost) = meter.of_write(what, accounts.update(1, changes)).await;
        assert_eq!(row.unwrap().unwrap().balance, 5);
        cost
    }};
}

/// Trips before COMMIT and after it, and scripts; statements on SQLite, and on PostgreSQL.
macro_rules! updates_cost {
    ($($name:ident: $($mode:ident)* => $trips:expr, $scripts:expr, $sqlite:expr, $postgres:expr;)*) => {$(
        #[test]
        fn $name() {
            alone(async {
                let (before_commit, after_commit) = $trips;
                let cost = |statements| {
                    WriteCost { before_commit, after_commit, scripts: $scripts, statements }
                };
                $(
                    assert_eq!(update!(Sqlite, $mode), cost($sqlite), stringify!($mode));
                    assert_eq!(update!(Postgres, $mode), cost($postgres), stringify!($mode));
                )*
            });
        }
    )*};
}

updates_cost! {
    // Row and lookup, removed together.
    an_eventual_cache_aside_write_is_one_trip_after_its_commit:
        aside => (0, 1), 1, PLAIN + OLD_ROW, PLAIN + OLD_ROW;
    an_eventual_write_through_is_a_fence_and_a_lift:
        through => (1, 1), 2, PLAIN + OLD_ROW, PLAIN + OLD_ROW;
    a_fenced_write_is_two_trips_more_than_one_without_a_cache:
        fenced fenced_through => (1, 1), 2, PLAIN + OLD_ROW, PLAIN + OLD_ROW + NAME_ON_POSTGRES;
    a_fenced_write_without_lookups_needs_no_statement_for_them:
        keyed => (1, 1), 2, PLAIN, PLAIN + NAME_ON_POSTGRES;
    a_validated_write_needs_no_trip_to_commit:
        validated => (0, 1), 1, PLAIN + OLD_ROW + COUNT_ON_SQLITE, PLAIN + OLD_ROW;
    a_version_costs_an_eventual_write_its_count_alone:
        versioned => (0, 1), 1, PLAIN + OLD_ROW + COUNT_ON_SQLITE, PLAIN + OLD_ROW;
    a_validated_write_through_puts_as_an_eventual_one_does:
        validated_through => (1, 1), 2, PLAIN + OLD_ROW + COUNT_ON_SQLITE, PLAIN + OLD_ROW;
}

macro_rules! plain_diesel {
    ($server:ident) => {{
        let (server, mut meter, _cache) = measured!($server, aside);
        let update = async {
            server.pool.get().unwrap().transaction(|connection| {
                diesel::update(accounts::table.find(1))
                    .set(accounts::balance.eq(5))
                    .returning(accounts::all_columns)
                    .get_result::<(i64, String, i64)>(connection)
            })
        };
        let (row, cost) = meter.of("plain Diesel: an update", update).await;
        assert_eq!(row.unwrap().2, 5);
        (cost.trips, cost.statements)
    }};
}

#[test]
fn plain_diesel_needs_begin_update_and_commit() {
    alone(async {
        assert_eq!(plain_diesel!(Sqlite), (0, PLAIN));
        assert_eq!(plain_diesel!(Postgres), (0, PLAIN));
    });
}

/// One row for each bucket, in one INSERT.
const OUTBOX: usize = 1;

/// A hit and an update of a bounded model, whose relay stands still meanwhile.
macro_rules! bounded {
    ($server:ident, $mode:ident) => {{
        let (_server, mut meter, cache) = measured!($server, $mode);
        let relay = meter.gate.hold("mark:before");
        assert!(relay.reached().await);
        let accounts = cache.repository::<$mode::Account>();
        let what = concat!(stringify!($mode), " on ", stringify!($server));
        meter.of(&format!("{what}: a miss before the write"), accounts.find(1)).await.0.unwrap();
        let (row, hit) = meter.of(&format!("{what}: a hit"), accounts.find(1)).await;
        assert_eq!(row.unwrap().unwrap().balance, 1);
        let changes = $mode::AccountChanges { balance: Some(5), email: None };
        let update = accounts.update(1, changes);
        let (row, write) = meter.of_write(&format!("{what}: an update"), update).await;
        assert_eq!(row.unwrap().unwrap().balance, 5);
        (hit, write)
    }};
}

macro_rules! bounded_costs {
    ($($name:ident: $server:ident, $mode:ident => $trips:expr, $scripts:expr;)*) => {$(
        #[test]
        fn $name() {
            alone(async {
                let (hit, write) = bounded!($server, $mode);
                let one_mget = Cost { trips: 1, gets: 0, mgets: 1, scripts: 0, statements: 0 };
                assert_eq!(hit, one_mget);
                let (before_commit, after_commit) = $trips;
                let statements = PLAIN + OLD_ROW + OUTBOX;
                let scripts = $scripts;
                assert_eq!(write, WriteCost { before_commit, after_commit, scripts, statements });
            });
        }
    )*};
}

bounded_costs! {
    a_bounded_write_is_an_eventual_one_and_a_row_on_sqlite: Sqlite, bounded => (0, 1), 1;
    a_bounded_write_is_an_eventual_one_and_a_row_on_postgres: Postgres, bounded => (0, 1), 1;
    a_bounded_write_through_puts_as_an_eventual_one_does: Postgres, bounded_through => (1, 1), 2;
}
