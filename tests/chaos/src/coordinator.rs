//! The sound build under chaos, and then each build that lacks a defence.

use std::time::{Duration, Instant};

use clap::Args;

use crate::Fault;
use crate::counters::Count;
use crate::judge::{Goals, Verdict, judge, soon_enough};
use crate::plants::Plant;
use crate::run::Run;
use crate::setup::Server;

/// How long it takes on each database, and what of it is done.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// How long the sound build runs at least, in seconds.
    #[arg(long, default_value_t = 25)]
    seconds: u64,
    /// How many reads it has to make at least.
    #[arg(long, default_value_t = 500_000)]
    reads: u64,
    /// How often a process has to be killed at each point, at least.
    #[arg(long, default_value_t = 3)]
    kills: u64,
    /// Runs only a build without this defence, which must be found out: a guard of
    /// docs/GUARDS.md, or blind-fill, blind-put, no-fence.
    #[arg(long, value_parser = Plant::named)]
    plant: Option<Plant>,
    /// On this database alone.
    #[arg(long)]
    database: Option<Server>,
}

/// How much longer the sound build may take to reach its goals.
const GRACE: Duration = Duration::from_secs(180);
/// How soon a build without a defence has to be found out.
const PLANT_TIME: Duration = Duration::from_secs(60);
const BEAT: Duration = Duration::from_millis(10);

impl Options {
    /// Whether neither a database nor a plant was picked out.
    pub(crate) fn is_all(&self) -> bool {
        self.plant.is_none() && self.database.is_none()
    }
}

/// Judges what is seen on each database, and sums it up.
pub(crate) fn run(options: &Options, verdict: &mut Verdict) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut histories = Vec::new();
    for server in options.database.map_or(Server::ALL.to_vec(), |server| vec![server]) {
        println!("on Redis and {}:", server.name());
        histories.push(runtime.block_on(on(server, options, verdict))?);
    }
    for history in histories {
        println!("{history}");
    }
    Ok(())
}

/// Gives the line that sums up what was seen on a database.
async fn on(server: Server, options: &Options, verdict: &mut Verdict) -> Result<String, Fault> {
    let mut history = String::new();
    if options.plant.is_none() {
        history = sound(server, options, verdict).await?;
    }
    let plants = options.plant.map_or_else(Plant::all, |plant| vec![plant]);
    let mut caught = 0;
    for plant in &plants {
        caught += usize::from(planted(server, *plant, verdict).await?);
    }
    Ok(format!("{history}plants {}, {caught} caught; {}", plants.len(), server.name()))
}

/// Gives what sums up the history.
async fn sound(server: Server, options: &Options, verdict: &mut Verdict) -> Result<String, Fault> {
    let goals = Goals { reads: options.reads, kills: options.kills };
    let start = Instant::now();
    let least = Duration::from_secs(options.seconds);
    let mut run = Run::start(server, None).await?;
    let mut told = start;
    loop {
        tokio::time::sleep(BEAT).await;
        run.tend()?;
        let counters = run.counters()?;
        let reached = counters.get(Count::Read) >= goals.reads
            && soon_enough(&counters)
            && run.schedule.least() >= goals.kills;
        let time = start.elapsed();
        // After the first regress there is nothing left to show.
        let lost = !run.violations()?.is_empty() || !run.faults.is_empty();
        if (time >= least && reached) || time >= least + GRACE || lost {
            break;
        }
        if told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            println!(
                "{:4} s: {} reads, {} within 1 ms, {} writes, {} kills",
                time.as_secs(),
                counters.get(Count::Read),
                counters.get(Count::Soon),
                counters.get(Count::Written),
                run.schedule.kills()
            );
        }
    }
    run.stop()?;
    judge(&run, goals, verdict).await?;
    let counters = run.counters()?;
    Ok(format!(
        "history: {} reads, {} within 1 ms, {} writes, {} kills at {} points, {} regressions; ",
        counters.get(Count::Read),
        counters.get(Count::Soon),
        counters.get(Count::Written),
        run.schedule.kills(),
        crate::failpoints::Point::all().len(),
        run.violations()?.len()
    ))
}

/// Whether the same rig finds a build out that lacks this defence.
async fn planted(server: Server, plant: Plant, verdict: &mut Verdict) -> Result<bool, Fault> {
    let start = Instant::now();
    let mut run = Run::start(server, Some(plant)).await?;
    let mut found = Vec::new();
    while found.is_empty() && run.faults.is_empty() && start.elapsed() < PLANT_TIME {
        tokio::time::sleep(BEAT).await;
        run.tend()?;
        found = run.violations()?;
    }
    if let Some(first) = found.first() {
        println!("       {first}");
    }
    for fault in &run.faults {
        println!("       {fault}");
    }
    let seconds = start.elapsed().as_secs_f64();
    let what = format!("without {}: found out within {seconds:.1} s", plant.name());
    verdict.on(&what, !found.is_empty());
    Ok(!found.is_empty())
}
