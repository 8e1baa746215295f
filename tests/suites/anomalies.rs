//! The anomalies, each forced at named points on every database and store: it must not happen,
//! the point must have been reached, and it *must* happen once its guard is removed.
//!
//! A line each: `anomaly N store=S: hit, held, mutant caught, on DATABASE`.

// So that each database has the cases as its own types need them.
#![expect(clippy::duplicate_mod, reason = "the cases are compiled once for each database")]

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use cache_runtime::guard::{Guard, remove, restore};
use cache_tests::stores::Kind;

/// What a case saw.
pub(crate) enum Seen {
    /// The named point was reached, and the promise held (true) or broke (false).
    Hit(bool),
    /// The interleaving did not come about.
    NotReached(&'static str),
}

/// Its name, what it does, and the guards that stop it.
pub(crate) type Case = (&'static str, Play, &'static [Guard]);

/// Makes what a case runs on; the future is the case.
type Play = fn(Kind) -> Pin<Box<dyn Future<Output = Seen> + Send>>;

/// How long a fence stands in these cases.
pub(crate) const FENCE: Duration = Duration::from_millis(600);

macro_rules! reach {
    ($hold:expr) => {
        if !$hold.reached().await {
            return crate::Seen::NotReached(stringify!($hold));
        }
    };
}

/// A process whose model is one of `cache_tests::modes`: its gate, its cache, its rows.
macro_rules! process {
    ($world:expr, $mode:ident) => {{
        let gate = cache_tests::gate::Gate::default();
        let store = cache_tests::gate::GatedStore::new($world.store.clone(), gate.clone());
        let database = cache_tests::gate::GatedDatabase::new($world.driver(), gate.clone());
        let cache = cache_runtime::Cache::builder(database)
            .store(store)
            .models(cache_runtime::models![cache_tests::modes::$mode::Account])
            .namespace(format!("{}-{}", $world.namespace, stringify!($mode)))
            .fence_expiry(crate::FENCE)
            // The SQLite of the tests does not wait for its disk.
            .accept_write_loss()
            .build()
            .await
            .unwrap();
        let accounts = cache.repository::<cache_tests::modes::$mode::Account>();
        (gate, cache, accounts)
    }};
}

/// A process with these models: its gate and its cache.
macro_rules! open {
    ($world:expr, [$($model:ty),*]) => {{
        let gate = cache_tests::gate::Gate::default();
        let store = cache_tests::gate::GatedStore::new($world.store.clone(), gate.clone());
        let database = cache_tests::gate::GatedDatabase::new($world.driver(), gate.clone());
        let cache = cache_runtime::Cache::builder(database)
            .store(store)
            .models(cache_runtime::models![$($model),*])
            .namespace($world.namespace.clone())
            .fence_expiry(crate::FENCE)
            .build()
            .await
            .unwrap();
        (gate, cache)
    }};
}

#[path = "anomalies"]
mod sqlite {
    mod aggregates;
    mod behind;
    mod bounded;
    mod cases;
    mod events;
    mod lists;
    mod past;
    mod reads;
    mod skew;
    mod world;
    mod writes;

    pub(crate) use cache_tests::databases::Sqlite as Server;
    pub(crate) use cases::CASES;

    pub(crate) type Driver = cache_runtime::R2d2<diesel::SqliteConnection>;
    /// Of the database in Redis, as columns run beside each other.
    const NUMBER: u8 = 0;

    fn driver(server: &Server) -> Driver {
        Driver::new(server.pool.clone())
    }
}

#[path = "anomalies"]
mod postgres {
    mod aggregates;
    mod behind;
    mod bounded;
    mod cases;
    mod events;
    mod lists;
    mod past;
    mod reads;
    mod skew;
    mod world;
    mod writes;

    pub(crate) use cache_tests::databases::Postgres as Server;
    pub(crate) use cases::CASES;

    pub(crate) type Driver = cache_runtime::DieselAsync<diesel_async::AsyncPgConnection>;
    const NUMBER: u8 = 1;

    fn driver(server: &Server) -> Driver {
        server.asynchronous()
    }
}

#[path = "anomalies"]
mod mariadb {
    mod aggregates;
    mod behind;
    mod bounded;
    mod cases;
    mod events;
    mod lists;
    mod past;
    mod reads;
    mod skew;
    mod world;
    mod writes;

    pub(crate) use cache_tests::databases::Mysql as Server;
    pub(crate) use cases::CASES;

    pub(crate) type Driver = cache_runtime::R2d2<diesel::MysqlConnection>;
    const NUMBER: u8 = 2;

    fn driver(server: &Server) -> Driver {
        Driver::new(server.pool.clone())
    }
}

const DATABASES: &[(&str, &[Case])] =
    &[("SQLite", sqlite::CASES), ("PostgreSQL", postgres::CASES), ("MariaDB", mariadb::CASES)];

/// Guards that a database has no use for: docs/GUARDS.md says why.
const NOT_ON: &[(Guard, &str)] = &[
    (Guard::AwaitOutcome, "SQLite"),
    (Guard::DependentsAgain, "SQLite"),
    (Guard::OutboxAll, "SQLite"),
    (Guard::StripeClaimed, "SQLite"),
    (Guard::SettledView, "SQLite"),
    (Guard::RegisteredInTime, "SQLite"),
    (Guard::RereadTriggered, "MariaDB"),
];

/// Guards of the stores alone, which the suite `guards` removes, on every store.
const OF_THE_STORES: &[Guard] = &[
    Guard::FenceAnchor,
    Guard::NewerOnly,
    Guard::TableChecked,
    Guard::TableUnchanged,
    Guard::SharedLife,
    Guard::KeptAlike,
    Guard::KeptEra,
];

/// A case on one database and one store.
struct Column {
    database: &'static str,
    kind: Kind,
    play: Play,
}

/// Runs a case on every column at once: what is removed is removed for all.
async fn play(columns: &[Column]) -> Vec<Seen> {
    // Worlds first, as making them blocks.
    let cases: Vec<_> = columns.iter().map(|column| (column.play)(column.kind)).collect();
    let running: Vec<_> = cases.into_iter().map(tokio::spawn).collect();
    let mut seen = Vec::new();
    for case in running {
        seen.push(case.await.unwrap_or(Seen::NotReached("its end: it panicked")));
    }
    seen
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::process::ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let mut tally = |line: String, good: bool| {
        println!("{line}");
        *(if good { &mut passed } else { &mut failed }) += 1;
    };
    for (guard, name) in Guard::ALL {
        let removed = sqlite::CASES.iter().any(|(_, _, guards)| guards.contains(guard));
        if !removed && !OF_THE_STORES.contains(guard) {
            tally(format!("guard {name}: no case removes it"), false);
        }
    }
    // `-- 45` runs the cases with such a name.
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (at, (name, _, guards)) in sqlite::CASES.iter().enumerate() {
        if !name.ends_with(&wanted) {
            continue;
        }
        let columns: Vec<Column> = DATABASES
            .iter()
            .flat_map(|(database, cases)| {
                Kind::ALL.map(|kind| Column { database, kind, play: cases[at].1 })
            })
            .filter(|column| !NOT_ON.contains(&(guards[0], column.database)))
            .collect();
        restore();
        let seen = play(&columns).await;
        let mut caught = vec![true; columns.len()];
        for guard in *guards {
            remove(*guard);
            for (caught, seen) in caught.iter_mut().zip(play(&columns).await) {
                *caught &= matches!(seen, Seen::Hit(false));
            }
            restore();
        }
        for ((column, seen), caught) in columns.iter().zip(seen).zip(caught) {
            let hit = match seen {
                Seen::Hit(_) => "hit".to_owned(),
                Seen::NotReached(point) => format!("NOT REACHED {point}"),
            };
            let held = matches!(seen, Seen::Hit(true));
            let line = format!(
                "{name} store={}: {hit}, {}, {}, on {}",
                column.kind.name(),
                if held { "held" } else { "BROKEN" },
                if caught { "mutant caught" } else { "MUTANT NOT CAUGHT" },
                column.database,
            );
            tally(line, held && caught);
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
