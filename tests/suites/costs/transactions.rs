//! What a write of several rows costs.

use cache_runtime::{Error, Result};
use cache_tests::account::accounts;
use cache_tests::modes::{aside, fenced, fenced_through, validated_through, versioned};
use diesel::prelude::*;

use crate::meter::{WriteCost, alone, measured};

/// The rows of each transaction; each has an entry under its key and one under its email.
const ROWS: usize = 5;

fn cost(trips: (usize, usize), scripts: usize, statements: usize) -> WriteCost {
    let (before_commit, after_commit) = trips;
    WriteCost { before_commit, after_commit, scripts, statements }
}

macro_rules! set {
    ($mode:ident, $balance:expr) => {
        $mode::AccountChanges { balance: Some($balance), ..$mode::AccountChanges::default() }
    };
}

/// Updates the rows of these models, one by one, in one transaction.
macro_rules! transaction {
    ($server:ident, $($mode:ident),+) => {{
        let (_server, mut meter, cache) = measured!($server, $($mode),+);
        let work = cache.transaction(async |tx| {
            for id in 1..=ROWS as i64 {
                $(tx.repository::<$mode::Account>().update(id, set!($mode, 50)).await?;)+
            }
            Ok::<_, Error>(())
        });
        let (done, cost) = meter.of_write(concat!("five rows of ", $(stringify!($mode), " "),+), work).await;
        done.unwrap();
        cost
    }};
}

#[test]
fn rows_of_one_transaction_share_the_trips_of_fence_and_lift() {
    alone(async {
        let statements = 2 + 2 * ROWS;
        // One for all entries of a trip.
        let scripts = 2;
        let counted = transaction!(Sqlite, fenced);
        assert_eq!(counted, cost((1, 1), scripts, statements));
        let counted = transaction!(Postgres, fenced);
        assert_eq!(counted, cost((1, 1), scripts, statements + 1), "and the transaction's name");
    });
}

#[test]
fn models_of_one_transaction_share_the_trips_of_fence_and_lift() {
    alone(async {
        let (plain, versioned) = (2 * ROWS, 3 * ROWS);
        let counted = transaction!(Sqlite, fenced, validated_through);
        assert_eq!(counted, cost((1, 1), 2, 2 + plain + versioned));
    });
}

#[test]
fn rows_of_one_transaction_are_removed_in_one_trip() {
    alone(async {
        let counted = transaction!(Sqlite, aside);
        assert_eq!(counted, cost((0, 1), 1, 2 + 2 * ROWS));
    });
}

#[test]
fn what_is_only_removed_is_one_trip_a_model() {
    alone(async {
        let (plain, versioned) = (2 * ROWS, 3 * ROWS);
        let counted = transaction!(Sqlite, aside, versioned);
        assert_eq!(counted, cost((0, 2), 2, 2 + plain + versioned));
    });
}

/// Updates the rows up to this key by one statement.
macro_rules! update_where {
    ($mode:ident, $last:expr) => {{
        let (_server, mut meter, cache) = measured!(Sqlite, $mode);
        let rows = cache.repository::<$mode::Account>();
        let update = rows.update_where(accounts::id.le($last), set!($mode, 50));
        let what = concat!(stringify!($mode), ": an update of rows by a filter");
        let (changed, cost): (Result<Vec<_>>, _) = meter.of_write(what, update).await;
        assert_eq!(changed.unwrap().len(), $last);
        cost
    }};
}

#[test]
fn a_write_by_filter_is_two_statements_whatever_the_number_of_rows() {
    alone(async {
        assert_eq!(update_where!(fenced, 5), cost((1, 1), 2, 4));
        assert_eq!(update_where!(fenced, 9), cost((1, 1), 2, 4));
    });
}

/// One script for each 64 buckets of the table, and not for each entry.
#[test]
fn a_write_past_bulk_costs_the_same_for_any_number_of_rows() {
    alone(async {
        let four = update_where!(fenced_through, 4);
        assert_eq!(four, cost((1, 1), 2 * 1024 / 64, 4));
        assert_eq!(update_where!(fenced_through, 9), four);
    });
}
