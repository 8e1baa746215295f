//! One of the processes: the real cache, under traffic, until it is killed.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cache_rig::death::testament;
use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Fault;
use crate::check::Checker;
use crate::counters::{Kept, Told};
use crate::failpoints::{Failpoints, Point};
use crate::plants::Plant;
use crate::setup::{FENCE_EXPIRY, Server};
use crate::store::Naive;
use crate::subjects::ROWS;
use crate::traffic::{News, Traffic};

const READERS: usize = 24;
const WRITERS: usize = 4;
/// A build that lacks a defence is to be found out soon: its writers meet more often.
const PLANTED_ROWS: usize = 4;

/// What the coordinator says to a process that it starts.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Its number.
    #[arg(long)]
    pub(crate) process: usize,
    /// Where the processes of the run meet.
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// The database of the run.
    #[arg(long)]
    pub(crate) server: Server,
    /// The schema and namespace of the run.
    #[arg(long)]
    pub(crate) schema: String,
    /// The point at which it kills itself.
    #[arg(long)]
    pub(crate) doom: Option<Point>,
    /// After how many milliseconds at the earliest.
    #[arg(long, default_value_t = 0)]
    pub(crate) after: u64,
    /// The defence that it does without.
    #[arg(long, value_parser = Plant::named)]
    pub(crate) plant: Option<Plant>,
}

/// Runs until the coordinator closes standard input, or is gone.
pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let (over, stop) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        over.send_replace(true);
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work(options, stop))
}

async fn work(options: Options, mut stop: watch::Receiver<bool>) -> Result<(), Fault> {
    let Options { process, folder, server, schema, doom, after, plant } = options;
    let naive = plant.map_or(Naive::No, Plant::set);
    let doom = doom.map(|point| (point, after));
    let points = Failpoints::new(testament(&folder, process), doom, FENCE_EXPIRY.mul_f64(0.4));
    let kept = Kept::open(&folder, process)?;
    let subjects = server.open(&schema, points, naive, Told(kept.counters.clone())).await?;
    let traffic = Arc::new(Traffic {
        checker: Checker::open(&folder, process, kept.counters.clone())?,
        subjects,
        news: News::listen(&folder, process)?,
        stop: stop.clone(),
        rows: if plant.is_some() { PLANTED_ROWS } else { ROWS },
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(traffic.clone().chase_on());
    (0..READERS).for_each(|_| drop(tasks.spawn(traffic.clone().read_on())));
    (0..WRITERS).for_each(|_| drop(tasks.spawn(traffic.clone().write_on())));
    let keeper = async {
        loop {
            kept.keep()?;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
                _ = stop.wait_for(|stop| *stop) => return Ok::<_, Fault>(()),
            }
        }
    };
    // A task that ends early has failed, and what it should have checked would be missing.
    let early = tokio::select! {
        kept = keeper => { kept?; None }
        ended = tasks.join_next() => ended,
    };
    if let Some(ended) = early {
        ended??;
        if !*stop.borrow() {
            return Err("a task of the traffic ended although nothing had stopped it".into());
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(kept.keep()?)
}
