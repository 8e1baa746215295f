//! The same schedules on Redis and PostgreSQL, step by step: each decision has the same answer,
//! and the history keeps the same promise.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use diesel::{PgConnection, SqliteConnection};

use super::Servers;
use crate::bench::Bench;
use crate::mode::Mode;
use crate::report::Report;
use crate::run::{Outcome, run};

pub fn hold(servers: &Servers, modes: &[Mode], schedules: u64, report: &mut Report) {
    let benches = servers.on_both().map(|real| (Bench::sqlite().in_real_time(), real));
    let each = schedules.div_ceil(modes.len() as u64);
    for mode in modes {
        let start = Instant::now();
        let fault = first_that_differs(&benches, *mode, each);
        let line = format!(
            "{}: {each} schedules on Redis and PostgreSQL give the same answers, {:.1} s",
            mode.name(),
            start.elapsed().as_secs_f64()
        );
        if let Some((seed, fault)) = &fault {
            println!("{} seed {seed}: {fault}", mode.name());
        }
        report.tally(&line, fault.is_none());
    }
}

type Pair = (Bench<SqliteConnection>, Bench<PgConnection>);

fn first_that_differs(benches: &[Pair; 2], mode: Mode, seeds: u64) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let first: Mutex<Option<(u64, String)>> = Mutex::new(None);
    std::thread::scope(|threads| {
        for (simulated, real) in benches {
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
