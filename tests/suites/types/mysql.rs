//! The types of MySQL and MariaDB.

use cache_runtime::with;
use proptest::prelude::*;

use crate::columns::columns;
use crate::draw::{self, float, int};
use crate::own::{self, Link, Meters, Mood, Secret};

/// The years from 1000 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -30_610_224_000..=253_402_300_799;
/// What TIMESTAMP holds.
const SINCE_1970: std::ops::RangeInclusive<i64> = 1..=2_147_483_646;

columns! {
    numbers: Mysql, diesel::mysql::Mysql, [];
    tiny_set | tiny_null: [TinyInt], i8, "TINYINT", (), int!(i8);
    small_set | small_null: [SmallInt], i16, "SMALLINT", (), int!(i16);
    int_set | int_null: [Integer], i32, "INTEGER", (), int!(i32);
    big_set | big_null: [BigInt], i64, "BIGINT", (), int!(i64);
    utiny_set | utiny_null: [Unsigned<TinyInt>], u8, "TINYINT UNSIGNED", (), int!(u8);
    usmall_set | usmall_null: [Unsigned<SmallInt>], u16, "SMALLINT UNSIGNED", (), int!(u16);
    uint_set | uint_null: [Unsigned<Integer>], u32, "INTEGER UNSIGNED", (), int!(u32);
    ubig_set | ubig_null: [Unsigned<BigInt>], u64, "BIGINT UNSIGNED", (), int!(u64);
    float_set | float_null: [Float], f32, "FLOAT", (), float!(f32, []);
    double_set | double_null: [Double], f64, "DOUBLE", (), float!(f64, []);
    numeric_set | numeric_null: [Numeric], bigdecimal::BigDecimal, "DECIMAL(50,15)",
        (with = with::decimal), draw::decimal(30, 0..15);
    flag_set | flag_null: [Bool], bool, "BOOLEAN", (), any::<bool>();
    meters_set | meters_null: [Integer], Meters, "INTEGER", (), int!(i32).prop_map(Meters);
}

columns! {
    others: Mysql, diesel::mysql::Mysql, [];
    text_set | text_null: [Text], String, "TEXT CHARACTER SET utf8mb4", (), draw::text();
    varchar_set | varchar_null: [Varchar], String, "VARCHAR(200) CHARACTER SET utf8mb4", (), draw::text();
    blob_set | blob_null: [Binary], Vec<u8>, "BLOB", (), draw::bytes();
    whole_set | whole_null: [Binary], Vec<u8>, "BLOB", (with = with::bytes), draw::bytes();
    date_set | date_null: [Date], chrono::NaiveDate, "DATE", (), draw::chrono::date(SECONDS);
    clock_set | clock_null: [Time], chrono::NaiveTime, "TIME(6)", (), draw::chrono::time();
    moment_set | moment_null: [Datetime], chrono::NaiveDateTime, "DATETIME(6)", (), draw::chrono::naive(SECONDS);
    stamp_set | stamp_null: [Timestamp], chrono::NaiveDateTime, "TIMESTAMP(6)", (),
        draw::chrono::naive(SINCE_1970);
    date_t_set | date_t_null: [Date], time::Date, "DATE", (), draw::time::date(SECONDS);
    clock_t_set | clock_t_null: [Time], time::Time, "TIME(6)", (), draw::time::time();
    moment_t_set | moment_t_null: [Datetime], time::PrimitiveDateTime, "DATETIME(6)", (),
        draw::time::primitive(SECONDS);
    stamp_t_set | stamp_t_null: [Timestamp], time::PrimitiveDateTime, "TIMESTAMP(6)", (),
        draw::time::primitive(SINCE_1970);
    utc_t_set | utc_t_null: [Datetime], time::OffsetDateTime, "DATETIME(6)", (), draw::time::offset(SECONDS);
    json_set | json_null: [Json], serde_json::Value, "JSON", (with = with::json), draw::json(u64::MAX);
    mood_set | mood_null: [MoodType], Mood, "ENUM('sad', 'happy')", (),
        proptest::sample::select([Mood::Sad, Mood::Happy].as_slice());
    link_set | link_null: [Text], Link, "TEXT CHARACTER SET utf8mb4", (), own::link();
    shown_set | shown_null: [Text], Link, "TEXT CHARACTER SET utf8mb4", (with = with::display), own::link();
    secret_set: [Text], Secret, "TEXT CHARACTER SET utf8mb4", (with = own::exposed),
        draw::text().prop_map(Secret);
}
