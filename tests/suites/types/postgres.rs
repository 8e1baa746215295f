//! The types of PostgreSQL.

use std::ops::Bound;
use std::time::{Duration, SystemTime};

use bigdecimal::BigDecimal;
use cache_runtime::with;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::data_types::{PgDate, PgInterval, PgLsn, PgMoney, PgNumeric, PgTime, PgTimestamp};
use ipnet::IpNet;
use ipnetwork::IpNetwork;
use proptest::collection::vec;
use proptest::option::of as or_null;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::columns::columns;
use crate::draw::{self, edged, float, int};
use crate::own::{self, Limit, Link, Meters, Mood, Secret};

/// The years from -4711 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -210_800_000_000..=253_402_300_799;
/// And to 250,000.
const FAR: std::ops::RangeInclusive<i64> = -210_800_000_000..=7_800_000_000_000;

const CITEXT: &str = "SELECT pg_advisory_lock(7); CREATE EXTENSION IF NOT EXISTS citext SCHEMA pg_catalog; \
                      SELECT pg_advisory_unlock(7)";
const MOOD: &str = "CREATE TYPE mood AS ENUM ('sad', 'happy')";

columns! {
    scalars: Postgres, diesel::pg::Pg, [CITEXT];
    small_set | small_null: [SmallInt], i16, "SMALLINT", (), int!(i16);
    int_set | int_null: [Integer], i32, "INTEGER", (), int!(i32);
    big_set | big_null: [BigInt], i64, "BIGINT", (), int!(i64);
    oid_set | oid_null: [Oid], u32, "OID", (), int!(u32);
    letter_set | letter_null: [CChar], u8, "\"char\"", (), 0..128_u8;
    float_set | float_null: [Float], f32, "REAL", (), float!(f32, [f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    double_set | double_null: [Double], f64, "DOUBLE PRECISION", (),
        float!(f64, [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    numeric_set | numeric_null: [Numeric], BigDecimal, "NUMERIC", (with = with::decimal),
        draw::decimal(36, -6..40);
    as_sent_set | as_sent_null: [Numeric], PgNumeric, "NUMERIC", (with = with::pg), numeric();
    money_set | money_null: [Money], PgMoney, "MONEY", (with = with::pg), int!(i64).prop_map(PgMoney);
    lsn_set | lsn_null: [PgLsn], PgLsn, "PG_LSN", (with = with::pg), int!(u64).prop_map(PgLsn);
    flag_set | flag_null: [Bool], bool, "BOOLEAN", (), any::<bool>();
    text_set | text_null: [Text], String, "TEXT", (), draw::text();
    varchar_set | varchar_null: [Varchar], String, "VARCHAR(200)", (), draw::text();
    citext_set | citext_null: [Citext], String, "CITEXT", (), draw::text();
    blob_set | blob_null: [Binary], Vec<u8>, "BYTEA", (), draw::bytes();
    whole_set | whole_null: [Binary], Vec<u8>, "BYTEA", (with = with::bytes), draw::bytes();
    uuid_set | uuid_null: [Uuid], Uuid, "UUID", (), int!(u128).prop_map(Uuid::from_u128);
    json_set | json_null: [Json], Value, "JSON", (with = with::json), draw::json(u64::MAX);
    jsonb_set | jsonb_null: [Jsonb], Value, "JSONB", (with = with::json), draw::json(u64::MAX);
    limit_set | limit_null: [Jsonb], Limit, "JSONB", (with = with::json), own::limit();
    link_set | link_null: [Text], Link, "TEXT", (), own::link();
    shown_set | shown_null: [Text], Link, "TEXT", (with = with::display), own::link();
    meters_set | meters_null: [Integer], Meters, "INTEGER", (), int!(i32).prop_map(Meters);
    secret_set: [Text], Secret, "TEXT", (with = own::exposed), draw::text().prop_map(Secret);
}

columns! {
    times: Postgres, diesel::pg::Pg, [];
    date_set | date_null: [Date], NaiveDate, "DATE", (), draw::chrono::date(FAR);
    clock_set | clock_null: [Time], NaiveTime, "TIME", (), draw::chrono::time();
    stamp_set | stamp_null: [Timestamp], NaiveDateTime, "TIMESTAMP", (), draw::chrono::naive(FAR);
    utc_set | utc_null: [Timestamptz], DateTime<Utc>, "TIMESTAMPTZ", (), draw::chrono::utc(FAR);
    lasting_set | lasting_null: [Interval], chrono::Duration, "INTERVAL", (),
        (-1_000_000_000_000_i64..1_000_000_000_000).prop_map(chrono::Duration::microseconds);
    date_t_set | date_t_null: [Date], time::Date, "DATE", (), draw::time::date(SECONDS);
    clock_t_set | clock_t_null: [Time], time::Time, "TIME", (), draw::time::time();
    stamp_t_set | stamp_t_null: [Timestamp], time::PrimitiveDateTime, "TIMESTAMP", (), draw::time::primitive(SECONDS);
    utc_t_set | utc_t_null: [Timestamptz], time::OffsetDateTime, "TIMESTAMPTZ", (), draw::time::offset(SECONDS);
    system_set | system_null: [Timestamp], SystemTime, "TIMESTAMP", (), (0..4_000_000_000_000_000_u64)
        .prop_map(|micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
    sent_stamp_set | sent_stamp_null: [Timestamptz], PgTimestamp, "TIMESTAMPTZ", (with = with::pg),
        (-200_000_000_000_000_000..200_000_000_000_000_000_i64).prop_map(PgTimestamp);
    sent_date_set | sent_date_null: [Date], PgDate, "DATE", (with = with::pg), (-2_400_000..2_000_000_000).prop_map(PgDate);
    sent_time_set | sent_time_null: [Time], PgTime, "TIME", (with = with::pg), (0..86_400_000_000_i64).prop_map(PgTime);
    interval_set | interval_null: [Interval], PgInterval, "INTERVAL", (with = with::pg), interval();
    dates_set | dates_null: [Daterange], (Bound<NaiveDate>, Bound<NaiveDate>), "DATERANGE", (),
        draw::range(draw::chrono::date(FAR));
    stamps_set | stamps_null: [Tsrange], (Bound<NaiveDateTime>, Bound<NaiveDateTime>), "TSRANGE", (),
        draw::range(draw::chrono::naive(FAR));
    zoned_set | zoned_null: [Tstzrange], (Bound<DateTime<Utc>>, Bound<DateTime<Utc>>), "TSTZRANGE", (),
        draw::range(draw::chrono::utc(FAR));
    intervals_set: [Array<Interval>], Vec<PgInterval>, "INTERVAL[]", (with = with::pg), vec(interval(), 0..4);
}

columns! {
    composed: Postgres, diesel::pg::Pg, [MOOD];
    ints_set | ints_null: [Array<Integer>], Vec<i32>, "INTEGER[]", (), vec(int!(i32), 0..5);
    words_set | words_null: [Array<Nullable<Text>>], Vec<Option<String>>, "TEXT[]", (),
        vec(or_null(draw::text()), 0..5);
    floats_set | floats_null: [Array<Double>], Vec<f64>, "DOUBLE PRECISION[]", (),
        vec(float!(f64, [f64::NAN]), 0..5);
    blobs_set | blobs_null: [Array<Binary>], Vec<Vec<u8>>, "BYTEA[]", (with = with::bytes), vec(draw::bytes(), 0..4);
    documents_set | documents_null: [Array<Jsonb>], Vec<Value>, "JSONB[]", (with = with::json),
        vec(draw::json(u64::MAX), 0..4);
    holes_set | holes_null: [Array<Nullable<Jsonb>>], Vec<Option<Value>>, "JSONB[]", (with = with::json),
        vec(or_null(draw::json(u64::MAX)), 0..4);
    prices_set | prices_null: [Array<Numeric>], Vec<BigDecimal>, "NUMERIC[]", (with = with::decimal),
        vec(draw::decimal(20, 0..9), 0..5);
    heights_set | heights_null: [Array<Integer>], Vec<Meters>, "INTEGER[]", (),
        vec(int!(i32).prop_map(Meters), 0..5);
    moods_set | moods_null: [Array<MoodType>], Vec<Mood>, "MOOD[]", (), vec(mood(), 0..5);
    mood_set | mood_null: [MoodType], Mood, "MOOD", (), mood();
    rows_set | rows_null: [Int4range], (Bound<i32>, Bound<i32>), "INT4RANGE", (),
        draw::range((-1000..1000).boxed());
    bigs_set | bigs_null: [Int8range], (Bound<i64>, Bound<i64>), "INT8RANGE", (),
        draw::range((-5_000_000_000..5_000_000_000_i64).boxed());
    nums_set | nums_null: [Numrange], (Bound<BigDecimal>, Bound<BigDecimal>), "NUMRANGE",
        (with = with::decimal), draw::range(draw::decimal(20, 0..9).boxed());
    gaps_set: [Int4multirange], Vec<(Bound<i32>, Bound<i32>)>, "INT4MULTIRANGE", (),
        vec(draw::range((-1000..1000).boxed()), 0..4);
    numgaps_set: [Nummultirange], Vec<(Bound<BigDecimal>, Bound<BigDecimal>)>,
        "NUMMULTIRANGE", (with = with::decimal), vec(draw::range(draw::decimal(20, 0..9).boxed()), 0..4);
    inet_set | inet_null: [Inet], IpNetwork, "INET", (), network();
    cidr_set | cidr_null: [Cidr], IpNetwork, "CIDR", (), network().prop_map(|it| {
        IpNetwork::new(it.network(), it.prefix()).expect("a network")
    });
    net_set | net_null: [Inet], IpNet, "INET", (), network().prop_map(|it| {
        IpNet::new(it.ip(), it.prefix()).expect("a network")
    });
    mac_set | mac_null: [MacAddr], [u8; 6], "MACADDR", (), any::<[u8; 6]>();
    mac8_set | mac8_null: [MacAddr8], [u8; 8], "MACADDR8", (), any::<[u8; 8]>();
}

pub(crate) fn mood() -> impl Strategy<Value = Mood> {
    proptest::sample::select([Mood::Sad, Mood::Happy].as_slice())
}

fn interval() -> impl Strategy<Value = PgInterval> {
    // The least of all three parts together is an infinity of PostgreSQL 17.
    (-i64::MAX..i64::MAX, -i32::MAX..i32::MAX, -i32::MAX..i32::MAX)
        .prop_map(|(microseconds, days, months)| PgInterval::new(microseconds, days, months))
}

/// NaN, and numbers in the groups of four digits that the server sends.
fn numeric() -> impl Strategy<Value = PgNumeric> {
    let digits = || vec(1..10_000_i16, 1..6);
    prop_oneof![
        Just(PgNumeric::NaN),
        (0..5_i16, 20..24_u16, digits()).prop_map(|(weight, scale, digits)| PgNumeric::Positive {
            weight,
            scale,
            digits
        }),
        (0..5_i16, 20..24_u16, digits()).prop_map(|(weight, scale, digits)| PgNumeric::Negative {
            weight,
            scale,
            digits
        }),
    ]
}

pub(crate) fn network() -> impl Strategy<Value = IpNetwork> {
    let v4 =
        (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(ip, prefix)| IpNetwork::new(ip.into(), prefix));
    let v6 =
        (any::<[u8; 16]>(), 0..=128_u8).prop_map(|(ip, prefix)| IpNetwork::new(ip.into(), prefix));
    let edges = ["0.0.0.0/0", "255.255.255.255/32", "::/0", "::ffff:1.2.3.4/128"];
    let edges = edges.map(|it| it.parse().expect("a network"));
    edged(edges, prop_oneof![v4, v6].prop_map(|it| it.expect("a network")))
}
