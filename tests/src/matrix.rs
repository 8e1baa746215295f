//! The columns on which one body of tests runs: database, driver and store.

/// Includes `$body` once for each column, in a module of its own that offers `Driver`, `Server`,
/// `KIND`, and `open`, which makes a database with these tables. The path is the caller's, and
/// so are the names in `$tables`.
#[macro_export]
macro_rules! matrix {
    ($body:literal, $tables:expr) => {
        $crate::matrix! { @each $body, $tables;
            sqlite_in_process:
                ::cache_runtime::R2d2<::diesel::SqliteConnection>, Sqlite,
                |s| ::cache_runtime::R2d2::new(s.pool.clone()), InProcess;
            sqlite_redis:
                ::cache_runtime::R2d2<::diesel::SqliteConnection>, Sqlite,
                |s| ::cache_runtime::R2d2::new(s.pool.clone()), Redis;
            postgres_in_process:
                ::cache_runtime::R2d2<::diesel::PgConnection>, Postgres,
                |s| ::cache_runtime::R2d2::new(s.pool.clone()), InProcess;
            postgres_redis:
                ::cache_runtime::R2d2<::diesel::PgConnection>, Postgres,
                |s| ::cache_runtime::R2d2::new(s.pool.clone()), Redis;
            postgres_async_in_process:
                ::cache_runtime::DieselAsync<::diesel_async::AsyncPgConnection>, Postgres,
                Server::asynchronous, InProcess;
            postgres_async_redis:
                ::cache_runtime::DieselAsync<::diesel_async::AsyncPgConnection>, Postgres,
                Server::asynchronous, Redis;
            mysql_in_process:
                ::cache_runtime::R2d2<::diesel::MysqlConnection>, Mysql,
                |s| ::cache_runtime::R2d2::new(s.pool.clone()), InProcess;
            mysql_redis:
                ::cache_runtime::R2d2<::diesel::MysqlConnection>, Mysql,
                |s| ::cache_runtime::R2d2::new(s.pool.clone()), Redis;
            mysql_async_in_process:
                ::cache_runtime::DieselAsync<::diesel_async::AsyncMysqlConnection>, Mysql,
                Server::asynchronous, InProcess;
            mysql_async_redis:
                ::cache_runtime::DieselAsync<::diesel_async::AsyncMysqlConnection>, Mysql,
                Server::asynchronous, Redis;
        }
    };
    (@each $body:literal, $tables:expr;
     $($name:ident: $driver:ty, $server:ident, $open:expr, $kind:ident;)*) => {$(
        mod $name {
            use super::*;

            type Driver = $driver;
            type Server = $crate::databases::$server;

            fn open() -> (Server, Driver) {
                let server = Server::with($tables);
                let open: fn(&Server) -> Driver = $open;
                let driver = open(&server);
                (server, driver)
            }

            const KIND: $crate::stores::Kind = $crate::stores::Kind::$kind;

            include!($body);
        }
    )*};
}
