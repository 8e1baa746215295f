//! A deploy that changes a model, while both builds run over one Redis and one database:
//! docs/EVOLUTION.md says what they can expect.

#[path = "evolution/builds.rs"]
mod builds;
#[path = "evolution/nested.rs"]
mod nested;
#[path = "evolution/oracle.rs"]
mod oracle;

use std::future::Future;

use builds::{CONTRACT, CREATE, EXPAND, FILL, Plane};
use cache_runtime::R2d2;
use cache_runtime::ports::{Database, Dialect};
use cache_tests::databases::{Postgres, Sqlite};
use cache_tests::stores::namespace;
use oracle::{Oracle, ROWS, Service};

/// The least part of each build's reads that are hits while both run, where 2 of 100 acts write.
/// Were there one value for both, each would load what the other has, time and again.
const FLOOR: f64 = 0.8;

/// The old build, a migration under way; both builds; the next one, and the rest of the migration.
async fn deploy<Old, Next, D>(database: D, execute: impl Fn(&str))
where
    Old: Plane<D>,
    Next: Plane<D>,
    D: Database,
{
    execute(CREATE);
    execute(D::Backend::CREATE_COUNTER);
    (0..ROWS).for_each(|id| execute(&builds::insert(id)));
    let (namespace, oracle) = (namespace(), Oracle::default());

    let old = Service::<Old, D>::start(database.clone(), &namespace).await;
    let (alone, ()) = tokio::join!(old.traffic(&oracle), during(|| execute(EXPAND)));
    execute(FILL);

    let next = Service::<Next, D>::start(database, &namespace).await;
    let (of_old, of_next) = tokio::join!(old.traffic(&oracle), next.traffic(&oracle));
    drop(old);

    let (after, ()) = tokio::join!(next.traffic(&oracle), during(|| execute(CONTRACT)));
    let rates = [alone, of_old, of_next, after];
    println!("{}: hits {rates:.2?}", std::any::type_name::<Old>());
    assert!(rates.iter().all(|rate| *rate >= FLOOR), "hits {rates:?}");
    assert!(oracle.writes() > 100, "both wrote");
}

/// Does it when the others have begun.
fn during(act: impl FnOnce()) -> impl Future<Output = ()> {
    async move {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        act();
    }
}

macro_rules! deploys {
    ($($promise:ident),*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let server = Sqlite::with(&[]);
                let database = R2d2::new(server.pool.clone());
                deploy::<builds::$promise::old::Plane, builds::$promise::next::Plane, _>(
                    database, |sql| server.execute(sql)
                ).await;
            })*
        }

        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let server = Postgres::with(&[]);
                let database = R2d2::new(server.pool.clone());
                deploy::<builds::$promise::old::Plane, builds::$promise::next::Plane, _>(
                    database, |sql| server.execute(sql)
                ).await;
            })*
        }
    };
}

deploys!(eventual, eventual_through, fenced, fenced_through, validated, validated_through);
