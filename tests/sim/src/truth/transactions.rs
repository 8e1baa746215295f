//! Random transactions on the simulated database and on the drivers, over SQLite, PostgreSQL
//! and MariaDB: six times the same answers.

use std::fmt::Write as _;
use std::time::Instant;

use cache_runtime::R2d2;
use cache_runtime::ports::{Change, Database, Insert, Load, Save, Statements, Transaction};
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{ConnectionManager, Pool, R2D2Connection};
use diesel::{MysqlConnection, PgConnection, SqliteConnection};
use tokio::runtime::Builder;

use super::Servers;
use crate::bench::{Bench, CREATE};
use crate::database::{Link, SimDatabase};
use crate::models::aside::{Account, AccountChanges, NewAccount};
use crate::plan::EMAILS;
use crate::report::Report;
use crate::rng::Rng;
use crate::world::World;

const TRANSACTIONS: u64 = 8_000;

pub fn hold(servers: &Servers, report: &mut Report) {
    let start = Instant::now();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let file = folder.path().join("driver.sqlite");
    let sqlite = pool::<SqliteConnection>(file.to_str().unwrap(), "PRAGMA synchronous = OFF");
    let url = servers.postgres();
    let join = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{join}options=-csearch_path%3Dtruth_driver");
    let schema = "SET client_min_messages = warning; DROP SCHEMA IF EXISTS truth_driver CASCADE; \
                  CREATE SCHEMA truth_driver; SET synchronous_commit = off";
    let postgres = pool::<PgConnection>(&url, schema);
    let mysql = pool::<MysqlConnection>(&servers.mysql("truth_driver"), "DO 0");
    let logs = std::thread::scope(|threads| {
        [
            threads.spawn(|| simulated(&Bench::sqlite())),
            threads.spawn(|| simulated(&Bench::postgres(servers.postgres(), "truth_sim"))),
            threads.spawn(|| simulated(&Bench::mysql(&servers.mysql("truth_sim")))),
            threads.spawn(|| driven(sqlite)),
            threads.spawn(|| driven(postgres)),
            threads.spawn(|| driven(mysql)),
        ]
        .map(|thread| thread.join().unwrap())
    });
    let names = [
        "simulated SQLite",
        "simulated PostgreSQL",
        "simulated MariaDB",
        "SQLite",
        "PostgreSQL",
        "MariaDB",
    ];
    let operations = logs[0].lines().count();
    let mut same = true;
    for (name, log) in names.iter().zip(&logs).skip(1) {
        let differs = logs[0].lines().zip(log.lines()).find(|(one, other)| one != other);
        if let Some((one, other)) = differs {
            println!("{}: {one}\n{name}: {other}", names[0]);
        }
        same &= logs[0] == *log;
    }
    let line = format!(
        "{operations} operations of {TRANSACTIONS} transactions on {}, {:.1} s",
        names.join(", "),
        start.elapsed().as_secs_f64()
    );
    report.tally(&line, same && operations > 40_000);
}

fn pool<C: R2D2Connection + 'static>(url: &str, first: &str) -> Pool<ConnectionManager<C>> {
    let manager = ConnectionManager::<C>::new(url);
    let pool = Pool::builder().max_size(1).build(manager).unwrap();
    let mut link = pool.get().unwrap();
    link.batch_execute(first).unwrap();
    link.batch_execute(CREATE).unwrap();
    drop(link);
    pool
}

fn simulated<C: Link>(bench: &Bench<C>) -> String
where
    Account: Statements<C::Backend> + Save<C::Backend>,
    NewAccount: Insert<Account, C::Backend>,
    AccountChanges: Change<Account, C::Backend>,
{
    // A world whose operations are executed at once.
    let world = World::new(bench.time.clone());
    log(SimDatabase::new(world, 0, bench.links.clone()))
}

fn driven<C: R2D2Connection + Link>(pool: Pool<ConnectionManager<C>>) -> String
where
    Account: Statements<C::Backend> + Save<C::Backend>,
    NewAccount: Insert<Account, C::Backend>,
    AccountChanges: Change<Account, C::Backend>,
{
    log(R2d2::new(pool))
}

/// What random transactions are answered.
fn log<D: Database>(database: D) -> String
where
    Account: Statements<D::Backend> + Save<D::Backend>,
    NewAccount: Insert<Account, D::Backend>,
    AccountChanges: Change<Account, D::Backend>,
{
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut log = String::new();
    let mut rng = Rng::new(2);
    runtime.block_on(async {
        for number in 0..TRANSACTIONS {
            transaction(&database, number as i64 * 100, &mut rng, &mut log).await;
            let all = Load::select(Account::among(vec![1, 2, 3]));
            let mut rows: Vec<Account> = database.load(all).await.unwrap();
            rows.sort_by_key(|row| row.id);
            let _ = writeln!(log, "{number}: then {}", show(&rows));
        }
    });
    log
}

async fn transaction<D: Database>(database: &D, balance: i64, rng: &mut Rng, log: &mut String)
where
    Account: Statements<D::Backend> + Save<D::Backend>,
    NewAccount: Insert<Account, D::Backend>,
    AccountChanges: Change<Account, D::Backend>,
{
    let mut transaction = database.begin().await.unwrap();
    let mut depth = 0;
    for step in 0..2 + rng.below(6) as i64 {
        let (id, balance) = (1 + rng.below(3) as i64, balance + step);
        let email = (*rng.pick(&EMAILS)).to_owned();
        let row = Account::is(id);
        let change = |email: Option<String>| AccountChanges { email, balance };
        let load: Load<D::Backend, Account> = match rng.below(10) {
            0 => Load::select(row),
            1 => Load::select(row).locking(),
            2 => NewAccount { id, email, balance }.insert(),
            3 => change(None).update(row),
            4 => change(Some(email)).update(row),
            5 => Load::delete(row),
            6 => NewAccount { id, email, balance }.insert_if_new(),
            7 => Account { id, email, balance }.save(),
            8 => {
                transaction.save().await.unwrap();
                depth += 1;
                let _ = writeln!(log, "  savepoint");
                continue;
            }
            _ if depth > 0 => {
                let keep = rng.percent(50);
                transaction.end_save(keep).await.unwrap();
                depth -= 1;
                let _ = writeln!(log, "  kept: {keep}");
                continue;
            }
            _ => Load::select(Account::among(vec![id])),
        };
        match transaction.load(load).await {
            Ok(rows) => drop(writeln!(log, "  {}", show(&rows))),
            Err(error) => {
                let _ = writeln!(log, "  {:?}", error.kind());
                // PostgreSQL takes no further statement before the savepoint is undone.
                if depth == 0 {
                    transaction.rollback().await.unwrap();
                    return;
                }
                transaction.end_save(false).await.unwrap();
                depth -= 1;
            }
        }
    }
    for _ in 0..depth {
        transaction.end_save(true).await.unwrap();
    }
    match rng.below(10) {
        0 | 1 => drop(writeln!(log, "  undone: {:?}", transaction.rollback().await.is_ok())),
        _ => drop(writeln!(log, "  committed: {:?}", transaction.commit().await.is_ok())),
    }
}

fn show(rows: &[Account]) -> String {
    let show = |row: &Account| format!("{} {} {}", row.id, row.email, row.balance);
    rows.iter().map(show).collect::<Vec<_>>().join(", ")
}
