//! The databases' differences.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use diesel::deserialize::{self, FromSqlRow};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use diesel::row::Row;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use diesel::sql_types::{BigInt, Text};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::ports::database::{Claim, Dialect};

#[cfg(feature = "sqlite")]
impl Dialect for diesel::sqlite::Sqlite {
    // A deferred transaction that reads first may fail when it comes to write.
    const BEGIN_WRITE: &'static str = "BEGIN IMMEDIATE";
    // The write lock is held already.
    const LOCK_ROWS: &'static str = "";
    const MAX_BINDS: usize = 32_766;
    const NEXT_VERSION: &'static str = "(SELECT value FROM cache_version)";
    const COUNT_VERSION: &'static str = "UPDATE cache_version SET value = value + 1";
    const CHECK_COUNTER: &'static str = "SELECT value FROM cache_version LIMIT 0";
    const CREATE_COUNTER: &'static str = "CREATE TABLE IF NOT EXISTS cache_version (value BIGINT NOT NULL); \
         INSERT INTO cache_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM cache_version)";
    // The file's lock goes with the connection: nothing can go on after it.
    const TRANSACTION: &'static str = "";

    const PLACE: &'static str = "SELECT file FROM pragma_database_list WHERE name = 'main'";

    fn outcome_of(_: &str) -> String {
        String::new()
    }

    fn claim(_: &str) -> Claim {
        Claim::File
    }

    fn triggers_of(table: &str) -> String {
        let table = literal(table.rsplit('.').next().unwrap_or(table));
        format!(
            "SELECT 'plain' FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = \
             lower({table}) UNION ALL SELECT 'plain' FROM sqlite_temp_master WHERE type = \
             'trigger' AND lower(tbl_name) = lower({table})"
        )
    }

    fn text<'a>(row: &impl Row<'a, Self>) -> deserialize::Result<String> {
        FromSqlRow::<Text, Self>::build_from_row(row)
    }

    fn integer<'a>(row: &impl Row<'a, Self>) -> deserialize::Result<i64> {
        FromSqlRow::<BigInt, Self>::build_from_row(row)
    }
}

#[cfg(feature = "postgres")]
impl Dialect for diesel::pg::Pg {
    const BEGIN_WRITE: &'static str = "BEGIN";
    const LOCK_ROWS: &'static str = " FOR UPDATE";
    const MAX_BINDS: usize = 65_535;
    const NEXT_VERSION: &'static str = "nextval('cache_version')";
    const COUNT_VERSION: &'static str = "";
    const CHECK_COUNTER: &'static str = "SELECT last_value::text FROM cache_version";
    const CREATE_COUNTER: &'static str = "CREATE SEQUENCE IF NOT EXISTS cache_version";
    const TRANSACTION: &'static str = "SELECT pg_current_xact_id()::text";

    const PLACE: &'static str = "SELECT current_database() || '@' || coalesce(inet_server_addr()::text, 'local') || ':' \
         || coalesce(inet_server_port(), 0)";

    fn claim(namespace: &str) -> Claim {
        let name = literal(&format!("cache-runtime {namespace}"));
        Claim::Transaction(format!(
            "SELECT pg_try_advisory_xact_lock(hashtextextended({name}, 0))::text"
        ))
    }

    fn outcome_of(transaction: &str) -> String {
        // NULL: so long ago that it is not remembered.
        format!("SELECT coalesce(pg_xact_status({}::xid8), 'aborted')", literal(transaction))
    }

    fn triggers_of(table: &str) -> String {
        let quoted: Vec<String> =
            table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
        let table = literal(&quoted.join("."));
        format!(
            "SELECT CASE WHEN tgdeferrable THEN 'deferred' ELSE 'plain' END FROM pg_trigger WHERE \
             tgrelid = to_regclass({table}) AND NOT tgisinternal AND tgenabled <> 'D' UNION ALL \
             SELECT 'plain' FROM pg_rewrite WHERE ev_class = to_regclass({table}) AND rulename <> \
             '_RETURN'"
        )
    }

    fn text<'a>(row: &impl Row<'a, Self>) -> deserialize::Result<String> {
        FromSqlRow::<Text, Self>::build_from_row(row)
    }

    fn integer<'a>(row: &impl Row<'a, Self>) -> deserialize::Result<i64> {
        FromSqlRow::<BigInt, Self>::build_from_row(row)
    }
}

/// A string literal.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
