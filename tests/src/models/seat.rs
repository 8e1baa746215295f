//! A key of five columns, a lookup that may be NULL, a lookup of two columns,
//! and a changeset whose `None` means NULL.

use cache_runtime::Cached;
use chrono::NaiveDate;
use diesel::prelude::*;

use super::{Sample, Sql};

diesel::table! {
    #[expect(missing_docs, reason = "the macro makes a module and a struct for each column")]
    seats (carrier, flight, day, seat_row, letter) {
        carrier -> Text,
        flight -> Integer,
        day -> Date,
        seat_row -> SmallInt,
        letter -> Text,
        ticket -> Nullable<BigInt>,
        passenger -> Text,
        gate -> Nullable<Text>,
        fare -> Double,
    }
}

/// Creates the table.
pub const SQL: Sql = Sql {
    sqlite: Some(
        "CREATE TABLE seats (carrier TEXT NOT NULL, flight INTEGER NOT NULL, day DATE NOT NULL, \
         seat_row SMALLINT NOT NULL, letter TEXT NOT NULL, ticket BIGINT UNIQUE, passenger TEXT NOT NULL, \
         gate TEXT, fare DOUBLE NOT NULL, PRIMARY KEY (carrier, flight, day, seat_row, letter), \
         UNIQUE (passenger, gate))",
    ),
    postgres: "CREATE TABLE seats (carrier TEXT NOT NULL, flight INTEGER NOT NULL, day DATE NOT NULL, \
               seat_row SMALLINT NOT NULL, letter TEXT NOT NULL, ticket BIGINT UNIQUE, passenger TEXT NOT NULL, \
               gate TEXT, fare DOUBLE PRECISION NOT NULL, \
               PRIMARY KEY (carrier, flight, day, seat_row, letter), UNIQUE (passenger, gate))",
    mysql: Some(
        "CREATE TABLE seats (carrier VARCHAR(20), flight INTEGER, day DATE, seat_row SMALLINT, letter VARCHAR(2), \
         ticket BIGINT UNIQUE, passenger VARCHAR(100) NOT NULL, gate VARCHAR(20), fare DOUBLE NOT NULL, \
         PRIMARY KEY (carrier, flight, day, seat_row, letter), UNIQUE (passenger, gate))",
    ),
};

/// A seat that was sold.
#[derive(Debug, PartialEq, Queryable, Cached)]
#[diesel(table_name = seats, primary_key(carrier, flight, day, seat_row, letter))]
#[cached(
    pattern = "cache_aside",
    ttl = "1h 30m",
    unique(ticket),
    unique(passenger, gate),
    insert = NewSeat,
    changeset(SeatChanges, Boarding),
    cache_version = 2
)]
pub struct Seat {
    pub(crate) carrier: String,
    pub(crate) flight: i32,
    pub(crate) day: NaiveDate,
    #[diesel(column_name = seat_row)]
    pub(crate) row: i16,
    pub(crate) letter: String,
    pub(crate) ticket: Option<i64>,
    pub(crate) passenger: String,
    pub(crate) gate: Option<String>,
    pub(crate) fare: f64,
}

/// A seat to sell.
#[derive(Insertable)]
#[diesel(table_name = seats)]
pub struct NewSeat {
    carrier: String,
    flight: i32,
    day: NaiveDate,
    seat_row: i16,
    letter: String,
    ticket: Option<i64>,
    passenger: String,
    fare: f64,
}

/// Changes of a sold seat.
#[derive(AsChangeset)]
#[diesel(table_name = seats)]
pub struct SeatChanges {
    /// A new passenger.
    pub passenger: Option<String>,
    /// A new ticket, or none.
    pub ticket: Option<Option<i64>>,
}

/// A `None` takes the gate away.
#[derive(AsChangeset)]
#[diesel(table_name = seats, treat_none_as_null = true)]
pub struct Boarding {
    /// The gate.
    pub gate: Option<String>,
}

impl Sample for Seat {
    fn sample(n: i32) -> Self {
        Self {
            carrier: format!("C{}", n % 5),
            flight: n,
            day: NaiveDate::default() + chrono::Days::new(n.unsigned_abs().into()),
            row: i16::try_from(n % 40).unwrap_or(i16::MAX),
            letter: "F".to_owned(),
            ticket: (n % 2 == 0).then_some(i64::from(n) << 32),
            passenger: format!("Passenger {n}"),
            gate: (n % 3 == 0).then(|| format!("G{n}")),
            fare: f64::from(n) / 3.0,
        }
    }
}

impl Sample for NewSeat {
    fn sample(n: i32) -> Self {
        let Seat { carrier, flight, day, row, letter, ticket, passenger, fare, .. } =
            Seat::sample(n);
        Self { carrier, flight, day, seat_row: row, letter, ticket, passenger, fare }
    }
}

impl Sample for SeatChanges {
    fn sample(n: i32) -> Self {
        Self { passenger: Some(format!("Other {n}")), ticket: Some(None) }
    }
}

impl Sample for Boarding {
    fn sample(n: i32) -> Self {
        Self { gate: (n % 2 == 0).then(|| format!("B{n}")) }
    }
}
