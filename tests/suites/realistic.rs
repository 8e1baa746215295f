//! The models of `cache_tests::models`, which are as real ones are, through their repositories:
//! on every database and through the bytes of Redis, what is cached equals a fresh load.

use std::time::Duration;

use cache_runtime::ports::{Database, Model};
use cache_runtime::{Cache, DieselAsync, R2d2, Redis, models};
use cache_tests::databases::{Mysql, Postgres, Sqlite};
use cache_tests::models::account::{
    Account, AccountChanges, ImportedAccount, NewAccount, NewSecret,
};
use cache_tests::models::article::{ArticleChanges, ArticleHead, NewArticle};
use cache_tests::models::carrier::{Carrier, CarrierChanges, NewCarrier};
use cache_tests::models::document::{Document, DocumentChanges, NewDocument};
use cache_tests::models::seat::{Boarding, NewSeat, Seat, SeatChanges};
use cache_tests::models::setting::{NewSetting, Setting, SettingChanges};
use cache_tests::models::webhook::{NewWebhook, Webhook, WebhookChanges};
use cache_tests::models::{
    Sample as _, Sql, account, article, carrier, document, seat, setting, webhook,
};
use cache_tests::redis_url;
use cache_tests::stores::namespace;
use diesel::{MysqlConnection, PgConnection, SqliteConnection};
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection};

async fn settle() {
    tokio::time::sleep(Duration::from_millis(40)).await;
}

/// Inserts with one struct, changes with each of the others, deletes; and reads in between,
/// from the database, from the cache and past it.
macro_rules! live {
    ($cache:expr, $statements:expr, $model:ty, $new:ty, [$($change:ty),+]) => {{
        let rows = $cache.repository::<$model>();
        let fresh = |key| {
            let rows = rows.clone();
            async move { rows.find_uncached(&key).await.unwrap() }
        };
        for n in [2, 5] {
            let row = rows.insert(<$new>::sample(n)).await.unwrap();
            let key = row.key();
            assert_eq!(rows.find(&key).await.unwrap().as_ref(), Some(&row), "loaded");
            settle().await;
            let before = $statements();
            let cached = rows.find(&key).await.unwrap();
            assert_eq!($statements(), before, "cached, and readable");
            assert_eq!(cached.as_ref(), Some(&row), "every column");
            $(
                let changed = rows.update(&key, <$change>::sample(n)).await.unwrap().unwrap();
                assert_eq!(rows.find(&key).await.unwrap().as_ref(), Some(&changed));
                settle().await;
                let cached = rows.find(&key).await.unwrap();
                assert_eq!(cached, fresh(key.clone()).await, "as a fresh load");
                assert_eq!(rows.find_many([&key]).await.unwrap(), [cached]);
            )+
            assert!(rows.delete(&key).await.unwrap().is_some());
            assert!(rows.find(&key).await.unwrap().is_none());
        }
    }};
}

macro_rules! live_everywhere {
    ($cache:expr, $statements:expr) => {
        live!($cache, $statements, Carrier, NewCarrier, [CarrierChanges]);
        live!($cache, $statements, Account, NewAccount, [AccountChanges, NewSecret]);
        live!($cache, $statements, Account, ImportedAccount, [NewSecret, AccountChanges]);
        live!($cache, $statements, ArticleHead, NewArticle, [ArticleChanges]);
        live!($cache, $statements, Seat, NewSeat, [SeatChanges, Boarding]);
        live!($cache, $statements, Setting, NewSetting, [SettingChanges]);
        live!($cache, $statements, Webhook, NewWebhook, [WebhookChanges]);
    };
}

const SQL: [&Sql; 6] =
    [&carrier::SQL, &account::SQL, &article::SQL, &seat::SQL, &setting::SQL, &webhook::SQL];

#[tokio::test]
async fn on_sqlite() {
    let sqlite = Sqlite::with(&SQL.map(|sql| sql.sqlite.unwrap()));
    let cache: Cache<R2d2<SqliteConnection>> = Cache::builder(sqlite.pool.clone())
        .store(Redis::url(&redis_url()).unwrap())
        .models(models![Carrier, Account, ArticleHead, Seat, Setting, Webhook])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    live_everywhere!(cache, || sqlite.statements.count());
}

fn postgres() -> Postgres {
    let sql: Vec<&str> = SQL.iter().map(|sql| sql.postgres).collect();
    Postgres::with(&sql)
}

#[tokio::test]
async fn on_postgres() {
    let postgres = postgres();
    // In a schema of its own name, wherever the other tables are.
    postgres.execute("DROP SCHEMA IF EXISTS archive CASCADE");
    postgres.execute(document::SQL.postgres);
    let cache: Cache<R2d2<PgConnection>> = Cache::builder(postgres.pool.clone())
        .store(Redis::url(&redis_url()).unwrap())
        .models(models![Carrier, Account, ArticleHead, Seat, Setting, Webhook, Document])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    live_everywhere!(cache, || postgres.statements.count());
    live!(cache, || postgres.statements.count(), Document, NewDocument, [DocumentChanges]);
}

#[tokio::test]
async fn on_postgres_over_diesel_async() {
    let postgres = postgres();
    let driver = postgres.asynchronous();
    driver.check().await.unwrap();
    let cache: Cache<DieselAsync<AsyncPgConnection>> = Cache::builder(driver)
        .store(Redis::url(&redis_url()).unwrap())
        .models(models![Carrier, Account, ArticleHead, Seat, Setting, Webhook])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    // The statements of this driver are not counted; the columns are compared all the same.
    live_everywhere!(cache, || 0);
}

fn mysql() -> Mysql {
    Mysql::with(&SQL.map(|sql| sql.mysql.unwrap()))
}

#[tokio::test]
async fn on_mysql() {
    let mysql = mysql();
    let cache: Cache<R2d2<MysqlConnection>> = Cache::builder(mysql.pool.clone())
        .store(Redis::url(&redis_url()).unwrap())
        .models(models![Carrier, Account, ArticleHead, Seat, Setting, Webhook])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    live_everywhere!(cache, || mysql.statements.count());
}

#[tokio::test]
async fn on_mysql_over_diesel_async() {
    let cache: Cache<DieselAsync<AsyncMysqlConnection>> = Cache::builder(mysql().asynchronous())
        .store(Redis::url(&redis_url()).unwrap())
        .models(models![Carrier, Account, ArticleHead, Seat, Setting, Webhook])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    live_everywhere!(cache, || 0);
}

#[tokio::test]
async fn two_tenants_with_the_same_name_never_meet() {
    let sqlite = Sqlite::with(&[setting::SQL.sqlite.unwrap(), seat::SQL.sqlite.unwrap()]);
    let cache = Cache::builder(sqlite.pool.clone())
        .store(Redis::url(&redis_url()).unwrap())
        .models(models![Setting])
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    let settings = cache.repository::<Setting>();
    let row = settings.insert(NewSetting::sample(1)).await.unwrap();
    let (tenant, name) = row.key();
    settings.find((tenant, name.as_str())).await.unwrap().unwrap();
    settle().await;
    assert!(settings.find((tenant + 1, name.as_str())).await.unwrap().is_none());
}
