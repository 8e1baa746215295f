//! One of the processes: the real cache, under traffic, until it is killed.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::doom::Doom;
use super::log::Log;
use super::tables::{ROWS, open};
use super::traffic::{REGISTER, Traffic};
use crate::Fault;
use crate::plants::Plant;
use crate::register::Register;

const READERS: usize = 6;
const WRITERS: usize = 2;
const BEAT: Duration = Duration::from_millis(10);

/// What the rig says to a process that it starts.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Its number.
    #[arg(long)]
    process: usize,
    /// How many have had this number before.
    #[arg(long)]
    life: usize,
    /// Where the processes meet.
    #[arg(long)]
    folder: PathBuf,
    /// The schema and namespace.
    #[arg(long)]
    schema: String,
    /// The port of Redis, or of what stands before it.
    #[arg(long)]
    redis: u16,
    /// The guard that it does without.
    #[arg(long, value_parser = Plant::named)]
    plant: Option<Plant>,
}

/// Runs until the rig closes standard input, or is gone. A line there is the order to die.
pub(crate) fn run(options: Options) -> Result<(), Fault> {
    if let Some(plant) = options.plant {
        plant.set();
    }
    let (over, stop) = watch::channel(false);
    let doom = Arc::<Doom>::default();
    std::thread::spawn({
        let doom = doom.clone();
        move || {
            std::io::stdin().lock().lines().map_while(Result::ok).for_each(|_| doom.set());
            over.send_replace(true);
        }
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work(options, doom, stop))
}

async fn work(
    options: Options,
    doom: Arc<Doom>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Fault> {
    let Options { process, life, folder, schema, redis, .. } = options;
    let traffic = Arc::new(Traffic {
        process,
        subjects: open(&schema, redis, process, doom).await?,
        register: Register::open(&folder.join(REGISTER), ROWS, process)?,
        log: Log::create(&folder, process, life)?,
        folder,
        stop: stop.clone(),
    });
    let mut tasks = JoinSet::new();
    (0..READERS).for_each(|_| drop(tasks.spawn(traffic.clone().read_on())));
    (0..WRITERS).for_each(|_| drop(tasks.spawn(traffic.clone().write_on())));
    let keeper = async {
        loop {
            traffic.log.keep()?;
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                _ = stop.wait_for(|stop| *stop) => return Ok::<_, Fault>(()),
            }
        }
    };
    // A task that ends early has failed, and what it should have shown would be missing.
    let early = tokio::select! {
        kept = keeper => { kept?; None }
        ended = tasks.join_next() => ended,
    };
    if let Some(ended) = early {
        ended??;
        if !traffic.is_over() {
            return Err("a task of the traffic ended although nothing had stopped it".into());
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(traffic.log.keep()?)
}
