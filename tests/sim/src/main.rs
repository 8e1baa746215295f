mod bench;
mod check;
mod client;
mod database;
mod history;
mod models;
mod plan;
mod ports;
mod quiet;
mod rng;
mod run;
mod scheduler;
mod store;
mod world;

fn main() {
    let bench = bench::Bench::sqlite();
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    for mode in models::Mode::ALL {
        let start = std::time::Instant::now();
        let mut seen = std::collections::HashSet::new();
        for seed in 0..n {
            let outcome = run::run(&bench, mode, seed);
            if outcome.counts { seen.insert(outcome.hash); }
            if let Some(broken) = outcome.broken {
                println!("{} seed {seed}: {broken}\n{}", mode.name(), outcome.trace);
                break;
            }
        }
        println!("{}: {} distinct, {:?}", mode.name(), seen.len(), start.elapsed());
    }
}
