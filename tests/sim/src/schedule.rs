//! One schedule, from its seed to its verdict.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::InProcess;
use cache_runtime::ports::Store;
use tokio::task::JoinHandle;

use crate::clock::SimClock;
use crate::database::{Link, Server};
use crate::history::{History, Promise};
use crate::scheduler::{Dice, Faults, Sim, Turn};
use crate::workload::{KEYS, Mode, Process, TTL, World};

const PROCESSES: usize = 2;
const CLIENTS: usize = 3;
/// Past so many turns something goes round in circles.
const MOST_TURNS: usize = 5_000;

/// What came of a schedule.
pub struct Verdict {
    pub fingerprint: u64,
    pub eventful: bool,
    pub violations: Vec<String>,
    pub trace: Vec<String>,
}

/// Where a schedule runs.
pub enum Place {
    /// On a store inside the process, with the schedule's clock.
    Simulated,
    /// On a real store, whose time nobody here moves.
    Real(Arc<dyn Store>),
}

/// The faults of this seed that the mode's promise covers.
pub fn faults(mode: Mode, dice: &mut Dice, place: &Place, late_commits: bool) -> Faults {
    let mut some = |chance| dice.percent(chance);
    let (store, crashes, cancels, commits) = (some(40), some(20), some(30), some(20));
    let forgets = some(20) && !mode.is_fenced() && matches!(place, Place::Simulated);
    let steady_clock = mode.is_fenced();
    Faults { store, forgets, crashes, cancels, commits, late_commits, steady_clock }
}

/// Opens the processes of a schedule.
pub type Open<C> = for<'a> fn(
    Mode,
    &'a Arc<World<C>>,
    usize,
) -> std::pin::Pin<Box<dyn Future<Output = Arc<dyn Process>> + 'a>>;

/// Runs the schedule of a seed on these connections, and gives them back.
pub fn run<C: Link>(
    open: Open<C>,
    connections: &mut Vec<C>,
    mode: Mode,
    seed: u64,
    place: &Place,
    late_commits: bool,
    keep_trace: bool,
) -> Verdict {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let faults = faults(mode, &mut dice, place, late_commits);
    let sim = Sim::new(seed, PROCESSES + 1, faults, keep_trace);
    let parked = sim.clone();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    if matches!(place, Place::Real(_)) {
        builder.enable_all();
    }
    let runtime = builder.on_thread_park(move || parked.parked()).build().unwrap();
    let server = Server::new(std::mem::take(connections));
    let (store, local): (Arc<dyn Store>, _) = match place {
        Place::Simulated => {
            let clock = Arc::new(SimClock { sim: sim.clone(), process: PROCESSES });
            let store = Arc::new(InProcess::with_capacity(100).with_clock(clock));
            (store.clone(), Some(store))
        }
        Place::Real(store) => (store.clone(), None),
    };
    let world = Arc::new(World {
        sim: sim.clone(),
        server: server.clone(),
        store,
        namespace: format!("sim-{}-{seed:x}", std::process::id()),
        seed,
        history: Arc::default(),
        next: Arc::new(Mutex::new(100)),
    });
    let violations = runtime.block_on(play(open, mode, world, local, dice));
    drop(runtime);
    *connections = server.take();
    let (fingerprint, eventful) = (sim.fingerprint(), sim.state().eventful);
    Verdict { fingerprint, eventful, violations, trace: sim.trace() }
}

async fn play<C: Link>(
    open: Open<C>,
    mode: Mode,
    world: Arc<World<C>>,
    local: Option<Arc<InProcess>>,
    mut dice: Dice,
) -> Vec<String> {
    let sim = world.sim.clone();
    let mut processes = Vec::new();
    for process in 0..PROCESSES {
        processes.push(open(mode, &world, process).await);
    }
    world.server.note(&sim);
    sim.start();
    let mut clients: Vec<(usize, JoinHandle<()>)> = Vec::new();
    for client in 0..CLIENTS {
        let process = client % PROCESSES;
        let (mut dice, cache) = (Dice::new(dice.next()), processes[process].clone());
        let acts = 1 + dice.below(4);
        let work = async move {
            for _ in 0..acts {
                cache.act(&mut dice).await;
            }
        };
        clients.push((process, tokio::spawn(work)));
    }
    let mut turns = 0;
    let mut hung = Vec::new();
    loop {
        sim.quiet().await;
        turns += 1;
        match sim.turn() {
            _ if turns > MOST_TURNS => {
                hung.push("it goes on for ever".to_owned());
                break;
            }
            Turn::Step => {}
            Turn::Flush => {
                sim.note(|| "the store forgets everything".to_owned());
                local.iter().for_each(|store| store.clear());
            }
            Turn::Crash(process) => {
                sim.note(|| format!("process {process} dies"));
                sim.kill(process);
                let commits = sim.state().dice.percent(50);
                world.server.bury(&sim, process, commits);
            }
            Turn::Cancel => {
                let victim = sim.state().dice.below(clients.len());
                if !clients[victim].1.is_finished() {
                    sim.note(|| format!("the caller {victim} goes away"));
                    sim.state().eventful = true;
                    clients[victim].1.abort();
                }
            }
            Turn::Still => break,
        }
    }
    for (process, client) in &clients {
        if !client.is_finished() && !sim.is_dead(*process) && hung.is_empty() {
            hung.push(format!("a client of process {process} waits for ever"));
        }
    }
    let troubled = sim.state().troubled;
    let mut violations = hung;
    if violations.is_empty() {
        sim.release();
        let alive = if sim.is_dead(0) { 1 } else { 0 };
        // Everything is over; in the end all see the same.
        if troubled && !mode.is_fenced() && !mode.is_validated() && local.is_some() {
            sim.state().now += TTL + Duration::from_secs(1);
        }
        if !troubled || local.is_some() || mode.is_fenced() || mode.is_validated() {
            processes[alive].look(&KEYS, "find_many").await;
            processes[1].look(&KEYS[..1], "find").await;
        }
    }
    let promise = match mode {
        _ if mode.is_fenced() || mode.is_validated() => Promise::Strict,
        _ if troubled => Promise::WithinTtl(TTL),
        _ => Promise::ReadYourWrites,
    };
    let history: &History = &world.history.lock().unwrap();
    violations.extend(history.violations(&world.server.commits(), promise));
    violations
}
