//! The same schedules on Redis with PostgreSQL and with MariaDB, step by step: each decision has the same answer,
//! and the history keeps the same promise.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use diesel::SqliteConnection;

use super::Servers;
use crate::bench::Bench;
use crate::mode::Mode;
use crate::report::Report;
use crate::run::{Home, Outcome, run};

pub fn hold(servers: &Servers, modes: &[Mode], schedules: u64, report: &mut Report) {
    let modes: Vec<Mode> = modes.iter().copied().filter(|mode| !mode.is_timed()).collect();
    let modes = &modes[..];
    if modes.is_empty() {
        return;
    }
    let each = schedules.div_ceil(2 * modes.len() as u64);
    on("PostgreSQL", servers.on_postgres_and_redis(), modes, each, report);
    on("MariaDB", servers.on_mysql_and_redis(), modes, each, report);
}

fn on<C: Home>(
    database: &str,
    real: [Bench<C>; 2],
    modes: &[Mode],
    each: u64,
    report: &mut Report,
) {
    let pairs = real.map(|real| Pair { simulated: Bench::sqlite().in_real_time(), real });
    for mode in modes {
        let start = Instant::now();
        let fault = first_that_differs(&pairs, *mode, each);
        let line = format!(
            "{}: {each} schedules on Redis and {database} give the same answers, {:.1} s",
            mode.name(),
            start.elapsed().as_secs_f64()
        );
        if let Some((seed, fault)) = &fault {
            println!("{} seed {seed}: {fault}", mode.name());
        }
        report.tally(&line, fault.is_none());
    }
}

struct Pair<C> {
    simulated: Bench<SqliteConnection>,
    real: Bench<C>,
}

fn first_that_differs<C: Home>(
    pairs: &[Pair<C>; 2],
    mode: Mode,
    seeds: u64,
) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let first: Mutex<Option<(u64, String)>> = Mutex::new(None);
    std::thread::scope(|threads| {
        for Pair { simulated, real } in pairs {
            threads.spawn(|| {
                while first.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let (simulated, real) = (run(simulated, mode, seed), run(real, mode, seed));
                    if let Some(fault) = difference(&simulated, &real) {
                        *first.lock().unwrap() = Some((seed, fault));
                    }
                }
            });
        }
    });
    first.into_inner().unwrap()
}

fn difference(simulated: &Outcome, real: &Outcome) -> Option<String> {
    if let Some(broken) = &real.broken {
        return Some(format!("{}\nBROKEN on the servers: {broken}", real.trace));
    }
    let both = simulated.trace.lines().zip(real.trace.lines()).enumerate();
    for (number, (one, other)) in both {
        if one != other {
            let before: Vec<&str> = simulated.trace.lines().take(number).collect();
            return Some(format!(
                "{}\nsimulated: {one}\non the servers: {other}",
                before.join("\n")
            ));
        }
    }
    (simulated.hash != real.hash).then(|| "one trace is longer than the other".to_owned())
}
