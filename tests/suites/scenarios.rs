//! One suite of scenarios over every database, driver and store.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, DieselAsync, ErrorKind, R2d2, models};
use cache_tests::account::{Account, AccountChanges, AccountRepository, CREATE, NewAccount};
use cache_tests::databases::{Mysql, Postgres, Sqlite};
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::stores::{Kind, namespace};
use diesel::{MysqlConnection, PgConnection, SqliteConnection};
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection};

macro_rules! matrix {
    ($($name:ident: $driver:ty, $server:ty, $open:expr, $kind:expr;)*) => {$(
        mod $name {
            use super::*;

            type Driver = $driver;
            type Server = $server;

            fn open() -> (Server, Driver) {
                let server = Server::with(&[CREATE]);
                let open: fn(&Server) -> Driver = $open;
                let driver = open(&server);
                (server, driver)
            }

            const KIND: Kind = $kind;

            include!("scenarios/body.rs");
        }
    )*};
}

matrix! {
    sqlite_in_process:
        R2d2<SqliteConnection>, Sqlite, |s| R2d2::new(s.pool.clone()), Kind::InProcess;
    sqlite_redis:
        R2d2<SqliteConnection>, Sqlite, |s| R2d2::new(s.pool.clone()), Kind::Redis;
    postgres_in_process:
        R2d2<PgConnection>, Postgres, |s| R2d2::new(s.pool.clone()), Kind::InProcess;
    postgres_redis:
        R2d2<PgConnection>, Postgres, |s| R2d2::new(s.pool.clone()), Kind::Redis;
    postgres_async_in_process:
        DieselAsync<AsyncPgConnection>, Postgres, Postgres::asynchronous, Kind::InProcess;
    postgres_async_redis:
        DieselAsync<AsyncPgConnection>, Postgres, Postgres::asynchronous, Kind::Redis;
    mysql_in_process:
        R2d2<MysqlConnection>, Mysql, |s| R2d2::new(s.pool.clone()), Kind::InProcess;
    mysql_redis:
        R2d2<MysqlConnection>, Mysql, |s| R2d2::new(s.pool.clone()), Kind::Redis;
    mysql_async_in_process:
        DieselAsync<AsyncMysqlConnection>, Mysql, Mysql::asynchronous, Kind::InProcess;
    mysql_async_redis:
        DieselAsync<AsyncMysqlConnection>, Mysql, Mysql::asynchronous, Kind::Redis;
}
