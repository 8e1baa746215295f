//! The types of SQLite.

use cache_runtime::with;
use proptest::prelude::*;

use crate::columns::columns;
use crate::draw::{self, float, int};
use crate::own::{self, Link, Meters, Mood, Secret};

/// Diesel reads years of four digits.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

columns! {
    numbers: Sqlite, diesel::sqlite::Sqlite, [];
    small_set | small_null: [SmallInt], i16, "SMALLINT", (), int!(i16);
    int_set | int_null: [Integer], i32, "INTEGER", (), int!(i32);
    big_set | big_null: [BigInt], i64, "BIGINT", (), int!(i64);
    float_set | float_null: [Float], f32, "REAL", (), float!(f32, [f32::INFINITY, f32::NEG_INFINITY]);
    double_set | double_null: [Double], f64, "REAL", (), float!(f64, [f64::INFINITY, f64::NEG_INFINITY]);
    numeric_set | numeric_null: [Numeric], bigdecimal::BigDecimal, "REAL", (with = with::decimal),
        draw::decimal(30, -5..20);
    flag_set | flag_null: [Bool], bool, "BOOLEAN", (), any::<bool>();
    meters_set | meters_null: [Integer], Meters, "INTEGER", (), int!(i32).prop_map(Meters);
}

columns! {
    others: Sqlite, diesel::sqlite::Sqlite, [];
    text_set | text_null: [Text], String, "TEXT", (), draw::text();
    blob_set | blob_null: [Binary], Vec<u8>, "BLOB", (), draw::bytes();
    whole_set | whole_null: [Binary], Vec<u8>, "BLOB", (with = with::bytes), draw::bytes();
    date_set | date_null: [Date], chrono::NaiveDate, "DATE", (), draw::chrono::date(SECONDS);
    clock_set | clock_null: [Time], chrono::NaiveTime, "TIME", (), draw::chrono::time();
    stamp_set | stamp_null: [Timestamp], chrono::NaiveDateTime, "TIMESTAMP", (), draw::chrono::naive(SECONDS);
    utc_set | utc_null: [TimestamptzSqlite], chrono::DateTime<chrono::Utc>, "TEXT", (), draw::chrono::utc(SECONDS);
    date_t_set | date_t_null: [Date], time::Date, "DATE", (), draw::time::date(SECONDS);
    clock_t_set | clock_t_null: [Time], time::Time, "TIME", (), draw::time::time();
    stamp_t_set | stamp_t_null: [Timestamp], time::PrimitiveDateTime, "TIMESTAMP", (),
        draw::time::primitive(SECONDS);
    utc_t_set | utc_t_null: [TimestamptzSqlite], time::OffsetDateTime, "TEXT", (), draw::time::offset(SECONDS);
    json_set | json_null: [Json], serde_json::Value, "TEXT", (with = with::json), draw::json(u64::MAX);
    jsonb_set | jsonb_null: [Jsonb], serde_json::Value, "BLOB", (with = with::json),
        draw::json(i64::MAX.unsigned_abs());
    mood_set | mood_null: [MoodType], Mood, "TEXT", (), proptest::sample::select([Mood::Sad, Mood::Happy].as_slice());
    link_set | link_null: [Text], Link, "TEXT", (), own::link();
    shown_set | shown_null: [Text], Link, "TEXT", (with = with::display), own::link();
    secret_set: [Text], Secret, "TEXT", (with = own::exposed), draw::text().prop_map(Secret);
}
