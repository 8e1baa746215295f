//! The databases' differences.

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use diesel::QueryResult;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use diesel::deserialize::{self, FromSql};
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use diesel::query_builder::AstPass;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use diesel::row::{Field as _, Row};
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use diesel::sql_types::{BigInt, Text};

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use crate::ports::database::{Claim, Dialect};

#[cfg(feature = "sqlite")]
impl Dialect for diesel::sqlite::Sqlite {
    // A deferred transaction that reads first may fail when it comes to write.
    const BEGIN_WRITE: &'static str = "BEGIN IMMEDIATE";
    // The write lock is held already.
    const LOCK_ROWS: &'static str = "";
    const SHARE_ROWS: &'static str = "";
    const RETURNING: bool = true;
    const ERRORS_END_TRANSACTIONS: bool = false;
    const MAX_BINDS: usize = 32_766;
    const NEXT_VERSION: &'static str = "(SELECT value FROM cache_version)";
    const CAST_INTEGER: &'static str = "BIGINT";
    const COUNT_VERSION: &'static str = "UPDATE cache_version SET value = value + 1";
    const CHECK_COUNTER: &'static str = "SELECT value FROM cache_version LIMIT 0";
    const CREATE_COUNTER: &'static str = "CREATE TABLE IF NOT EXISTS cache_version (value BIGINT NOT NULL); \
         INSERT INTO cache_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM cache_version)";
    // The file's lock goes with the connection: nothing can go on after it.
    const TRANSACTION: &'static str = "";

    const NOW_MILLIS: &'static str = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";
    const IDENTITY: &'static str = "''";
    const PASS_LOCKED: &'static str = "";
    const CONSTRAINTS_NOW: &'static str = "";
    const UPSERTS_BY_KEY: bool = true;
    const WRITES_WITHIN: bool = false;
    const JSON_ROWS: (&'static str, &'static str) = (
        "(SELECT json_extract(value, '$.s') AS s, json_extract(value, '$.q') AS q, \
         json_extract(value, '$.a') AS a, json_extract(value, '$.k') AS k, \
         json_extract(value, '$.p') AS p, json_extract(value, '$.v') AS v FROM json_each(",
        ")) AS r",
    );
    // What is in memory, or in a file without a name, ends with the process in any case.
    const LOSSES: &'static str = "SELECT 'PRAGMA synchronous is below FULL' FROM pragma_synchronous \
         WHERE synchronous < 2 UNION ALL SELECT 'the database is in memory' FROM \
         pragma_database_list WHERE name = 'main' AND coalesce(file, '') = ''";
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

    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, i64>(number)
    }

    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()> {
        out.push_bind_param::<Text, str>(text)
    }

    fn text<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<String>> {
        field::<Text, _, _>(row, column)
    }

    fn integer<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<i64>> {
        field::<BigInt, _, _>(row, column)
    }
}

#[cfg(feature = "postgres")]
impl Dialect for diesel::pg::Pg {
    const BEGIN_WRITE: &'static str = "BEGIN";
    const LOCK_ROWS: &'static str = " FOR UPDATE";
    const SHARE_ROWS: &'static str = " FOR KEY SHARE";
    const RETURNING: bool = true;
    const ERRORS_END_TRANSACTIONS: bool = false;
    const MAX_BINDS: usize = 65_535;
    const NEXT_VERSION: &'static str = "nextval('cache_version')";
    const CAST_INTEGER: &'static str = "BIGINT";
    const COUNT_VERSION: &'static str = "";
    const CHECK_COUNTER: &'static str = "SELECT last_value::text FROM cache_version";
    const CREATE_COUNTER: &'static str = "CREATE SEQUENCE IF NOT EXISTS cache_version";
    const TRANSACTION: &'static str = "SELECT pg_current_xact_id()::text";

    const NOW_MILLIS: &'static str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
    // The cluster, and its timeline: a promoted replica or a restored backup is on another.
    const IDENTITY: &'static str = "(SELECT system_identifier::text FROM pg_control_system()) || '/' || \
         substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
    const PASS_LOCKED: &'static str = " SKIP LOCKED";
    const CONSTRAINTS_NOW: &'static str = "SET CONSTRAINTS ALL IMMEDIATE";
    const UPSERTS_BY_KEY: bool = true;
    const WRITES_WITHIN: bool = true;
    const JSON_ROWS: (&'static str, &'static str) = (
        "json_to_recordset(",
        "::json) AS r(s BIGINT, q BIGINT, a TEXT, k BIGINT, p TEXT, v BIGINT)",
    );
    const LOSSES: &'static str = "SELECT name || ' is off' FROM pg_settings WHERE name IN \
         ('synchronous_commit', 'fsync', 'full_page_writes') AND setting = 'off'";
    const PLACE: &'static str = "SELECT current_database() || '@' || coalesce(inet_server_addr()::text, 'local') || ':' \
         || coalesce(inet_server_port(), 0)";

    fn claim(namespace: &str) -> Claim {
        let name = literal(&format!("cache-runtime {namespace}"));
        let take = format!("SELECT pg_try_advisory_xact_lock(hashtextextended({name}, 0))::text");
        Claim::Lock { take, give_back: None }
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

    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, i64>(number)
    }

    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()> {
        out.push_bind_param::<Text, str>(text)
    }

    fn text<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<String>> {
        field::<Text, _, _>(row, column)
    }

    fn integer<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<i64>> {
        field::<BigInt, _, _>(row, column)
    }
}

/// MySQL 8 and MariaDB, with tables that know transactions (InnoDB).
#[cfg(feature = "mysql")]
impl Dialect for diesel::mysql::Mysql {
    // Both begin at REPEATABLE READ, where a plain SELECT after a lock was waited for would show
    // the snapshot of before the wait, and a row that was just locked could be read as it had been.
    // So each statement gets a snapshot of its own. It is also what lets a write lock the rows that
    // it finds and not the gaps between them.
    const BEGIN_WRITE: &'static str =
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION";
    const LOCK_ROWS: &'static str = " FOR UPDATE";
    // MariaDB does not know FOR SHARE.
    const SHARE_ROWS: &'static str = " LOCK IN SHARE MODE";
    // MariaDB could, but for updates; MySQL cannot at all.
    const RETURNING: bool = false;
    const ERRORS_END_TRANSACTIONS: bool = true;
    const MAX_BINDS: usize = 65_535;
    const NEXT_VERSION: &'static str = "(SELECT value FROM cache_version)";
    const CAST_INTEGER: &'static str = "SIGNED";
    // MySQL has no sequences, and AUTO_INCREMENT gives numbers in another order than that of the
    // commits. The row stays locked until the transaction ends: writes of versioned models come one
    // after the other, as they do on SQLite. LAST_INSERT_ID(value + 1) would spare the read of it,
    // but an insert needs it to find its row.
    const COUNT_VERSION: &'static str = "UPDATE cache_version SET value = value + 1 WHERE id = 1";
    const CHECK_COUNTER: &'static str =
        "SELECT CAST(value AS CHAR) FROM cache_version WHERE id = 1 LIMIT 0";
    const CREATE_COUNTER: &'static str = "CREATE TABLE IF NOT EXISTS cache_version (id TINYINT PRIMARY KEY, value BIGINT NOT NULL) \
         ENGINE = InnoDB; INSERT IGNORE INTO cache_version VALUES (1, 0)";
    // Transactions have no name whose outcome is remembered. But a COMMIT that is under way has its
    // connection, and a driver that lost its answer has given that up.
    const TRANSACTION: &'static str = "SELECT CAST(CONNECTION_ID() AS CHAR)";

    const NOW_MILLIS: &'static str = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
    // MariaDB has no `server_uuid`, and the nodes of a cluster differ in all else.
    const IDENTITY: &'static str = "''";
    const PASS_LOCKED: &'static str = " SKIP LOCKED";
    const CONSTRAINTS_NOW: &'static str = "";
    // It can, but by any unique key: the row that it changes may be another one.
    const UPSERTS_BY_KEY: bool = false;
    const WRITES_WITHIN: bool = false;
    const JSON_ROWS: (&'static str, &'static str) = (
        "JSON_TABLE(",
        ", '$[*]' COLUMNS (s BIGINT PATH '$.s', q BIGINT PATH '$.q', a VARCHAR(700) PATH '$.a', \
         k BIGINT PATH '$.k', p LONGTEXT PATH '$.p', v BIGINT PATH '$.v')) AS r",
    );
    const LOSSES: &'static str = "SELECT CONCAT('innodb_flush_log_at_trx_commit is ', \
         @@innodb_flush_log_at_trx_commit) FROM (SELECT 1 AS one) AS one WHERE \
         @@innodb_flush_log_at_trx_commit <> 1";
    const PLACE: &'static str = "SELECT CONCAT(DATABASE(), '@', @@hostname, ':', @@port)";

    fn claim(namespace: &str) -> Claim {
        // Names are of the server and not of a database, and of 64 characters at most. On a cluster
        // with several primaries they are of one node: processes must write to the same.
        // In hexadecimal, as what a backslash means in a literal depends on the server's mode.
        let namespace: String = namespace.bytes().map(|byte| format!("{byte:02x}")).collect();
        let name =
            format!("CONCAT('cache-runtime ', SHA1(CONCAT(DATABASE(), ' ', X'{namespace}')))");
        Claim::Lock {
            take: format!("SELECT IF(GET_LOCK({name}, 0) = 1, 'true', 'false')"),
            give_back: Some(format!("SELECT IF(RELEASE_LOCK({name}) = 1, 'true', 'false')")),
        }
    }

    fn outcome_of(transaction: &str) -> String {
        // An account sees its own connections without a privilege. Whether one that is gone has
        // committed is not known; that it will not commit any more is.
        format!(
            "SELECT IF(COUNT(*) > 0, 'in progress', 'aborted') FROM information_schema.processlist \
             WHERE id = {}",
            literal(transaction)
        )
    }

    fn triggers_of(table: &str) -> String {
        let (schema, table) = match table.split_once('.') {
            Some((schema, table)) => (literal(schema), table),
            None => ("DATABASE()".to_owned(), table),
        };
        format!(
            "SELECT 'plain' FROM information_schema.triggers WHERE event_object_schema = {schema} \
             AND event_object_table = {}",
            literal(table)
        )
    }

    fn push_integer<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
        out.push_bind_param::<BigInt, i64>(number)
    }

    fn push_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()> {
        out.push_bind_param::<Text, str>(text)
    }

    fn text<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<String>> {
        field::<Text, _, _>(row, column)
    }

    fn integer<'a>(row: &impl Row<'a, Self>, column: usize) -> deserialize::Result<Option<i64>> {
        field::<BigInt, _, _>(row, column)
    }
}

/// A string literal. MySQL may take a backslash in it for more than that: there, only names of
/// tables and transactions are written so.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// One column of a row.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn field<'a, ST, T, DB>(row: &impl Row<'a, DB>, column: usize) -> deserialize::Result<Option<T>>
where
    DB: diesel::backend::Backend,
    T: FromSql<ST, DB>,
{
    let field = row.get(column).ok_or("a statement of the runtime's own returned fewer columns")?;
    field.value().map(T::from_sql).transpose()
}
