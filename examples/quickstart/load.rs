//! From the CSV files into the tables.

use std::error::Error;
use std::path::Path;

use cache_runtime::migrations;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::models::{airlines, airports, planes};

/// One flight, as far as it names rows of other tables.
#[derive(Deserialize)]
pub struct Flight {
    pub carrier: String,
    pub tailnum: String,
    pub origin: String,
    pub dest: String,
}

#[derive(Deserialize, Insertable)]
#[diesel(table_name = airlines)]
struct AirlineLine {
    carrier: String,
    name: String,
}

#[derive(Deserialize, Insertable)]
#[diesel(table_name = airports)]
struct AirportLine {
    faa: String,
    name: String,
    lat: f64,
    lon: f64,
    alt: i32,
    tz: i32,
    dst: String,
    #[serde(deserialize_with = "known")]
    tzone: Option<String>,
}

#[derive(Deserialize, Insertable)]
#[diesel(table_name = planes)]
struct PlaneLine {
    tailnum: String,
    #[serde(deserialize_with = "csv::invalid_option")]
    year: Option<i32>,
    #[serde(rename = "type")]
    kind: String,
    manufacturer: String,
    model: String,
    engines: i32,
    seats: i32,
    #[serde(deserialize_with = "csv::invalid_option")]
    speed: Option<i32>,
    engine: String,
}

const SCHEMA: &str = "
    DROP TABLE IF EXISTS airlines;
    DROP TABLE IF EXISTS airports;
    DROP TABLE IF EXISTS planes;
    DROP TABLE IF EXISTS plane_tallies;
    DROP TABLE IF EXISTS route_tallies;
    DROP TABLE IF EXISTS cache_outbox_models;
    DROP TABLE IF EXISTS cache_outbox_stripes;
    DROP TABLE IF EXISTS cache_outbox_claims;
    DROP TABLE IF EXISTS cache_outbox;
    DROP TABLE IF EXISTS cache_parked;
    CREATE TABLE airlines (carrier VARCHAR(10) PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE);
    CREATE TABLE airports (
        faa VARCHAR(10) PRIMARY KEY, name TEXT NOT NULL, lat DOUBLE PRECISION NOT NULL,
        lon DOUBLE PRECISION NOT NULL, alt INTEGER NOT NULL, tz INTEGER NOT NULL,
        dst TEXT NOT NULL, tzone TEXT
    );
    CREATE TABLE planes (
        tailnum VARCHAR(10) PRIMARY KEY, year INTEGER, type TEXT NOT NULL, manufacturer TEXT NOT NULL,
        model TEXT NOT NULL, engines INTEGER NOT NULL, seats INTEGER NOT NULL, speed INTEGER,
        engine TEXT NOT NULL
    );
    CREATE TABLE plane_tallies (tailnum VARCHAR(10) PRIMARY KEY, flights BIGINT NOT NULL);
    CREATE TABLE route_tallies (
        origin VARCHAR(10) NOT NULL, dest VARCHAR(10) NOT NULL, flights BIGINT NOT NULL,
        PRIMARY KEY (origin, dest)
    );
";

/// A connection that the reference data can be loaded through.
pub trait ReferenceData {
    /// What each connection begins with.
    const SETTINGS: Option<&'static str>;

    /// Makes the tables anew and fills those of reference.
    fn load_reference_data(&mut self) -> Result<(), Box<dyn Error>>;
}

macro_rules! reference_data {
    ($connection:ty, $migrations:expr, $settings:expr) => {
        impl ReferenceData for $connection {
            const SETTINGS: Option<&'static str> = $settings;

            fn load_reference_data(&mut self) -> Result<(), Box<dyn Error>> {
                let airlines: Vec<AirlineLine> = lines("airlines.csv")?;
                let airports: Vec<AirportLine> = lines("airports.csv")?;
                let planes: Vec<PlaneLine> = lines("planes.csv")?;
                self.batch_execute(SCHEMA)?;
                // An application has them among its own migrations.
                let outbox = $migrations.iter().find(|it| it.name.ends_with("cache_outbox"));
                self.batch_execute(outbox.ok_or("there is no migration of the outbox")?.up)?;
                self.transaction(|connection| {
                    diesel::insert_into(airlines::table).values(airlines).execute(connection)?;
                    diesel::insert_into(airports::table).values(airports).execute(connection)?;
                    diesel::insert_into(planes::table).values(planes).execute(connection)?;
                    Ok(())
                })
            }
        }
    };
}

reference_data!(
    diesel::SqliteConnection,
    migrations::SQLITE,
    Some("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
);
#[cfg(feature = "postgres")]
reference_data!(diesel::PgConnection, migrations::POSTGRES, None);
#[cfg(feature = "mysql")]
reference_data!(diesel::MysqlConnection, migrations::MYSQL, None);

/// January's flights, in the order of their departure.
pub fn flights() -> Result<Vec<Flight>, Box<dyn Error>> {
    lines("flights-january.csv")
}

fn lines<T: DeserializeOwned>(file: &str) -> Result<Vec<T>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
    let mut reader = csv::Reader::from_path(&path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    reader.deserialize().map(|line| Ok(line?)).collect()
}

/// The files write `NA` for what is not known.
fn known<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    Ok(text.filter(|text| text != "NA"))
}
