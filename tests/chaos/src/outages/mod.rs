//! Faults of the servers and of the processes, under which a bounded hit stays within its bound and
//! a validated read does not go back.

mod doom;
mod faults;
mod journal;
mod judge;
mod log;
mod pair;
mod plants;
mod processes;
mod proxy;
mod redis;
mod report;
mod rig;
mod tables;
mod traffic;
pub(crate) mod worker;

use std::time::{Duration, Instant};

use clap::Args;

use self::faults::Outage;
use self::log::wall;
pub(crate) use self::report::Summary;
use self::report::{Moments, Report};
use self::rig::Rig;
use self::tables::BOUND;
use crate::Fault;
use crate::judge::Verdict;
use crate::plants::Plant;

/// Which faults, and for how long.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// This fault alone, and no build without a guard.
    #[arg(long)]
    only: Option<Outage>,
    /// How long each strikes, in seconds.
    #[arg(long, default_value_t = 3)]
    fault_seconds: u64,
    /// Only a build without this guard of docs/GUARDS.md, which must be found out.
    #[arg(long, value_parser = Plant::named)]
    plant: Option<Plant>,
}

impl Default for Options {
    fn default() -> Self {
        Self { only: None, fault_seconds: 3, plant: None }
    }
}

/// Before each fault reads are counted for this long, and after it when hits are back.
const AROUND: Duration = Duration::from_millis(1500);
/// How soon hits have to be back.
const RECOVERY: Duration = Duration::from_secs(3 * BOUND.as_secs());
/// How long it is watched whether they stay: where a relay is gone, they end with its watermarks.
const WATCH: Duration = Duration::from_secs(2 * BOUND.as_secs());
/// How soon a build without a guard has to be found out.
const PLANT_TIME: Duration = Duration::from_secs(60);

/// Judges each fault, and then each build without a guard.
pub(crate) fn run(options: &Options, verdict: &mut Verdict) -> Result<Summary, Fault> {
    // The proxies are its tasks.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut summary = Summary::default();
        if options.plant.is_none() {
            sound(options, verdict, &mut summary).await?;
        }
        let plants = match (options.plant, options.only) {
            (Some(plant), _) => vec![plant],
            (None, Some(_)) => Vec::new(),
            (None, None) => plants::all(),
        };
        for plant in plants {
            let faults = options.only.map_or_else(|| plants::faults(plant), |only| vec![only]);
            planted(plant, &faults, verdict).await?;
        }
        Ok(summary)
    })
}

async fn sound(
    options: &Options,
    verdict: &mut Verdict,
    summary: &mut Summary,
) -> Result<(), Fault> {
    println!("bounded and validated models on a pair of Redis and PostgreSQL:");
    let mut rig = Rig::start(None).await?;
    for fault in options.only.map_or(Outage::ALL.to_vec(), |only| vec![only]) {
        let report = one(&mut rig, fault, Duration::from_secs(options.fault_seconds)).await?;
        println!("{report}");
        report.judge(verdict);
        summary.0.push(report);
    }
    rig.processes.stop()?;
    verdict.none("processes that ended by themselves", &rig.processes.faults);
    Ok(())
}

/// The fault, with some time before and after it.
async fn one(rig: &mut Rig, fault: Outage, time: Duration) -> Result<Report, Fault> {
    rig.follow()?;
    rig.reads = judge::Reads::default();
    let begun = wall();
    rig.wait(AROUND).await?;
    let struck = wall();
    let strikes = fault.strike(rig, Instant::now() + time).await?;
    let (ended, since) = (wall(), Instant::now());
    rig.wait(WATCH).await?;
    let mut recovery = rig.reads.recovery(ended, wall());
    while recovery.is_none() && since.elapsed() < RECOVERY + AROUND {
        rig.wait(Duration::from_millis(100)).await?;
        recovery = rig.reads.recovery(ended, wall());
    }
    let back = Duration::from_micros(recovery.unwrap_or_default());
    rig.wait((back + AROUND).saturating_sub(since.elapsed())).await?;
    let moments = Moments { begun, struck, ended, over: wall() };
    rig.wait(Duration::from_millis(100)).await?;
    let report = Report::of(rig, fault, strikes, moments, recovery).await?;
    rig.pair.mend().await?;
    Ok(report)
}

/// Whether a build without this guard is found out.
async fn planted(plant: Plant, faults: &[Outage], verdict: &mut Verdict) -> Result<(), Fault> {
    let mut rig = Rig::start(Some(plant)).await?;
    let start = Instant::now();
    let mut at = "";
    for fault in faults.iter().cycle() {
        at = fault.name();
        let time = Duration::from_secs(4);
        fault.strike(&mut rig, Instant::now() + time).await?;
        rig.wait(BOUND + AROUND).await?;
        if !rig.found.is_empty() || start.elapsed() > PLANT_TIME {
            break;
        }
        rig.pair.mend().await?;
    }
    if let Some(first) = rig.found.first() {
        println!("       {first}");
    }
    let seconds = start.elapsed().as_secs_f64();
    let what = format!("without {}: found out by {at} within {seconds:.1} s", plant.name());
    verdict.on(&what, !rig.found.is_empty());
    verdict.none("processes that ended by themselves", &rig.processes.faults);
    Ok(())
}
