//! The database past the cache: a plain connection, whichever server it is.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::Fault;
use crate::setup::Server;

/// A connection.
#[derive(diesel::MultiConnection)]
pub(crate) enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mariadb(MysqlConnection),
}

/// Three numbers of a row.
#[derive(QueryableByName, Debug, Clone, Copy)]
pub(crate) struct Three {
    #[diesel(sql_type = BigInt)]
    pub(crate) a: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) b: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) c: i64,
}

/// A write that is pending or parked.
#[derive(QueryableByName, Debug, Clone)]
pub(crate) struct Waiting {
    #[diesel(sql_type = Text)]
    pub(crate) model: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) seq: i64,
    #[diesel(sql_type = Text)]
    pub(crate) payload: String,
}

impl Link {
    pub(crate) fn open(server: Server, url: &str) -> Result<Self, Fault> {
        Ok(match server {
            Server::Sqlite => {
                let mut connection = SqliteConnection::establish(url)?;
                connection.batch_execute("PRAGMA busy_timeout = 10000")?;
                Self::Sqlite(connection)
            }
            Server::Postgres => Self::Postgres(PgConnection::establish(url)?),
            Server::Mariadb => Self::Mariadb(MysqlConnection::establish(url)?),
        })
    }

    pub(crate) fn run(&mut self, sql: &str) -> Result<(), Fault> {
        Ok(self.batch_execute(sql)?)
    }

    /// Rows of three numbers, called a, b and c.
    pub(crate) fn threes(&mut self, sql: &str) -> Result<Vec<Three>, Fault> {
        Ok(diesel::sql_query(sql).load(self)?)
    }

    /// What waits in the outbox, or is parked, in the order of its numbers.
    pub(crate) fn waiting(&mut self, table: &str) -> Result<Vec<Waiting>, Fault> {
        let sql = format!(
            "SELECT m.model AS model, o.seq AS seq, o.payload AS payload FROM {table} o JOIN \
             cache_outbox_models m ON o.stripe >= m.id * 32 AND o.stripe < (m.id + 1) * 32 ORDER BY \
             o.stripe, o.seq"
        );
        Ok(diesel::sql_query(sql).load(self)?)
    }
}

/// A whole number out of a payload: an object of nothing but such.
pub(crate) fn integer(payload: &str, column: &str) -> Option<i64> {
    let (_, rest) = payload.split_once(&format!("\"{column}\":"))?;
    let end = rest.find([',', '}'])?;
    rest[..end].trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn numbers_are_found_by_their_names() {
        let payload = r#"{"good":1,"id":-5,"version":77}"#;
        assert_eq!(integer(payload, "id"), Some(-5));
        assert_eq!(integer(payload, "version"), Some(77));
        assert_eq!(integer(payload, "total"), None);
    }
}
