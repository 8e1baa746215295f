//! One of the processes: the real cache, under traffic, until it is killed.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use cache_rig::death::testament;
use cache_runtime::guard::{Guard, remove};
use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Fault;
use crate::failpoints::{Failpoints, Point, Role, opened};
use crate::models::SHEETS;
use crate::register::Register;
use crate::rows::Rows;
use crate::setup::Place;
use crate::traffic::Traffic;

/// What the coordinator says to a process that it starts.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// What it does.
    #[arg(long)]
    role: Role,
    /// Its number.
    #[arg(long, default_value_t = 0)]
    process: usize,
    /// The number of this life, of all lives of all processes.
    #[arg(long)]
    life: u32,
    /// Where the processes of the run meet.
    #[arg(long)]
    folder: PathBuf,
    /// The point at which it kills itself.
    #[arg(long)]
    doom: Option<Point>,
    /// After how many milliseconds at the earliest.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// How many writes it makes at the same time, if it enqueues.
    #[arg(long, default_value_t = 64)]
    writers: usize,
    /// How many reads.
    #[arg(long, default_value_t = 6)]
    readers: usize,
    /// One insertion, sum or sheet in so many is one that the database refuses.
    #[arg(long, default_value_t = 50)]
    poison: u32,
    /// How many of the sheets are in use.
    #[arg(long, default_value_t = SHEETS)]
    sheets: usize,
    /// Says on standard error when it commits.
    #[arg(long)]
    marks: bool,
    /// Does not wait for the disk, on SQLite.
    #[arg(long)]
    unsynced: bool,
    /// The guard that it does without.
    #[arg(long, value_parser = guard)]
    without: Option<Guard>,
}

fn guard(name: &str) -> Result<Guard, String> {
    let known = Guard::ALL.iter().find(|(_, known)| *known == name);
    known.map(|(guard, _)| *guard).ok_or_else(|| format!("`{name}` is not a guard"))
}

/// How long it tries to open the cache: servers that were killed come back.
const OPENING: Duration = Duration::from_secs(60);
const BEAT: Duration = Duration::from_millis(50);

/// Runs until the coordinator closes standard input, or is gone.
pub(crate) fn run(options: Options) -> Result<(), Fault> {
    let (over, stop) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        over.send_replace(true);
    });
    if let Some(guard) = options.without {
        remove(guard);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(work(options, stop));
    // A statement that waits for a server which is gone must not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn work(options: Options, mut stop: watch::Receiver<bool>) -> Result<(), Fault> {
    let Options {
        role,
        process,
        life,
        folder,
        doom,
        after,
        writers,
        readers,
        poison,
        sheets,
        marks,
        unsynced,
        ..
    } = options;
    let doom = doom.map(|point| (point, after));
    let points = Failpoints::new(role, testament(&folder, process), doom, marks);
    let place = Place::read(&folder)?;
    let Some(rows) = open(&place, &points, unsynced, &stop).await? else { return Ok(()) };
    points.begin();
    File::create(opened(&folder, life))?;
    if role != Role::Flusher {
        rows.pause().await;
    }
    if role == Role::Steward {
        return crate::steward::run(rows, stop).await;
    }
    let traffic = Arc::new(Traffic {
        rows,
        register: Register::open(&folder, process)?,
        folder,
        process,
        life,
        poison,
        sheets,
        stop: stop.clone(),
        next: AtomicU32::new(1),
        reads: AtomicU64::new(0),
        out: File::from(std::io::stdout().as_fd().try_clone_to_owned()?),
    });
    let mut tasks = JoinSet::new();
    (0..readers).for_each(|_| drop(tasks.spawn(traffic.clone().read_on())));
    if role == Role::App {
        (0..writers).for_each(|_| drop(tasks.spawn(traffic.clone().write_on())));
    }
    let counting = async {
        while !*stop.borrow() {
            traffic.count()?;
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        Ok::<_, Fault>(())
    };
    // A task that ends early has failed, and what it should have done would be missing.
    let early = tokio::select! {
        counted = counting => { counted?; None }
        Some(ended) = tasks.join_next() => Some(ended),
    };
    if let Some(ended) = early {
        ended??;
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(traffic.count()?)
}

/// The cache, as soon as its servers are there; none if it is to stop before.
async fn open(
    place: &Place,
    points: &Arc<Failpoints>,
    unsynced: bool,
    stop: &watch::Receiver<bool>,
) -> Result<Option<Arc<dyn Rows>>, Fault> {
    let begun = Instant::now();
    loop {
        match place.open(points, unsynced).await {
            Ok(rows) => return Ok(Some(rows)),
            Err(fault) if begun.elapsed() > OPENING => return Err(fault),
            Err(_) if *stop.borrow() => return Ok(None),
            Err(_) => tokio::time::sleep(BEAT).await,
        }
    }
}
