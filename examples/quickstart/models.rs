//! Five tables, five models, each with its declared strategy.

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    airlines (carrier) {
        carrier -> Text,
        name -> Text,
    }
}

diesel::table! {
    airports (faa) {
        faa -> Text,
        name -> Text,
        lat -> Double,
        lon -> Double,
        alt -> Integer,
        tz -> Integer,
        dst -> Text,
        tzone -> Nullable<Text>,
    }
}

diesel::table! {
    planes (tailnum) {
        tailnum -> Text,
        year -> Nullable<Integer>,
        #[sql_name = "type"]
        kind -> Text,
        manufacturer -> Text,
        model -> Text,
        engines -> Integer,
        seats -> Integer,
        speed -> Nullable<Integer>,
        engine -> Text,
    }
}

diesel::table! {
    plane_tallies (tailnum) {
        tailnum -> Text,
        flights -> BigInt,
    }
}

diesel::table! {
    route_tallies (origin, dest) {
        origin -> Text,
        dest -> Text,
        flights -> BigInt,
    }
}

#[derive(Queryable, Selectable, Cached, Debug)]
#[diesel(table_name = airlines, primary_key(carrier))]
#[cached(pattern = "cache_aside", ttl = "1h", jitter = "10%", negative_ttl = "30s",
         unique(name), insert = NewAirline, changeset = AirlineChanges)]
pub struct Airline {
    carrier: String,
    name: String,
}

#[derive(Insertable)]
#[diesel(table_name = airlines)]
pub struct NewAirline {
    pub carrier: String,
    pub name: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = airlines)]
pub struct AirlineChanges {
    pub name: Option<String>,
}

#[derive(Queryable, Selectable, Cached, Debug)]
#[diesel(table_name = airports, primary_key(faa))]
#[cached(pattern = "cache_aside", ttl = "1h", jitter = "10%", negative_ttl = "5m")]
pub struct Airport {
    faa: String,
    name: String,
    lat: f64,
    lon: f64,
    alt: i32,
    tz: i32,
    dst: String,
    tzone: Option<String>,
}

#[derive(Queryable, Selectable, Cached, Debug)]
#[diesel(table_name = planes, primary_key(tailnum))]
#[cached(pattern = "cache_aside", ttl = "10m", jitter = "10%", negative_ttl = "5m")]
pub struct Plane {
    tailnum: String,
    year: Option<i32>,
    kind: String,
    manufacturer: String,
    model: String,
    engines: i32,
    seats: i32,
    speed: Option<i32>,
    engine: String,
}

/// How often a plane flew.
#[derive(Queryable, Insertable, Cached, Default, Debug)]
#[diesel(table_name = plane_tallies, primary_key(tailnum))]
#[cached(
    pattern = "write_behind",
    ttl = "10m",
    merge(flights = "add"),
    outbox(on_missing = "insert")
)]
pub struct PlaneTally {
    pub tailnum: String,
    pub flights: i64,
}

/// How often a route was flown.
#[derive(Queryable, Insertable, Cached, Default, Debug)]
#[diesel(table_name = route_tallies, primary_key(origin, dest))]
#[cached(
    pattern = "write_behind",
    ttl = "10m",
    merge(flights = "add"),
    outbox(on_missing = "insert")
)]
pub struct RouteTally {
    pub origin: String,
    pub dest: String,
    pub flights: i64,
}
