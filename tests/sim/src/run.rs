//! One schedule, from its seed to a verdict.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::EntryKey;
use cache_runtime::ports::Database;

use crate::accounts::{Accounts, ItemAct, Parts, Source};
use crate::bench::Bench;
use crate::check::check;
use crate::client::Client;
use crate::database::{Link, SimDatabase};
use crate::history::Register;
use crate::mode::{Mode, TAKEN, TTL};
use crate::models::{
    aside, aside_next, behind, behind_fenced, bounded, bounded_through, bulk, bulk_fenced,
    bulk_next, fenced, fenced_through, fenced_through_next, streamed, through, through_next, told,
    validated, validated_next, validated_through, whole, whole_fenced,
};
use crate::outside::Outside;
use crate::plan::{EMAILS, Plan};
use crate::ports::{SimClock, SimTokens};
use crate::quiet::Quiet;
use crate::rng::hash;
use crate::scheduler::{Running, Scheduler};
use crate::store::{SimStore, row_key};
use crate::stream::{SimStream, Stream};
use crate::world::{CLIENT, World};

/// What came of a schedule.
pub struct Outcome {
    /// What broke a promise, if anything.
    pub broken: Option<String>,
    /// Every decision with its answer.
    pub trace: String,
    /// The hash of the trace.
    pub hash: u64,
    /// Whether two operations overlapped or something went wrong: else it shows nothing.
    pub counts: bool,
}

/// A database on which every mode's model can live.
pub trait Home: Link<Backend: AllModels> {}
impl<C: Link<Backend: AllModels>> Home for C {}

/// Opens the model of a mode; if `next`, that of the next build, where the mode has one.
pub trait AllModels: cache_runtime::ports::Dialect {
    fn open<D: Database<Backend = Self>>(
        mode: Mode,
        next: bool,
        parts: Parts<D>,
    ) -> impl Future<Output = Arc<dyn Accounts>>;
}

/// What real servers run too. Each model takes long to build on each backend.
macro_rules! open_all {
    ($backend:ty $(, $mode:ident: $module:ident)*) => {
        impl AllModels for $backend {
            async fn open<D: Database<Backend = Self>>(
                mode: Mode,
                next: bool,
                parts: Parts<D>,
            ) -> Arc<dyn Accounts> {
                match mode {
                    Mode::Aside if next => Arc::new(aside_next::open(parts).await.unwrap()),
                    Mode::Through if next => Arc::new(through_next::open(parts).await.unwrap()),
                    Mode::FencedThrough if next => {
                        Arc::new(fenced_through_next::open(parts).await.unwrap())
                    }
                    Mode::Validated if next => Arc::new(validated_next::open(parts).await.unwrap()),
                    Mode::Bulk if next => Arc::new(bulk_next::open(parts).await.unwrap()),
                    Mode::Aside => Arc::new(aside::open(parts).await.unwrap()),
                    Mode::Through => Arc::new(through::open(parts).await.unwrap()),
                    Mode::Fenced => Arc::new(fenced::open(parts).await.unwrap()),
                    Mode::FencedThrough => Arc::new(fenced_through::open(parts).await.unwrap()),
                    Mode::Validated => Arc::new(validated::open(parts).await.unwrap()),
                    Mode::ValidatedThrough => {
                        Arc::new(validated_through::open(parts).await.unwrap())
                    }
                    Mode::Bulk => Arc::new(bulk::open(parts).await.unwrap()),
                    Mode::BulkFenced => Arc::new(bulk_fenced::open(parts).await.unwrap()),
                    Mode::Whole => Arc::new(whole::open(parts).await.unwrap()),
                    Mode::WholeFenced => Arc::new(whole_fenced::open(parts).await.unwrap()),
                    $(Mode::$mode => Arc::new($module::open(parts).await.unwrap()),)*
                    #[allow(unreachable_patterns, reason = "one of the backends runs all")]
                    mode => panic!("{} runs in simulated time alone", mode.name()),
                }
            }
        }
    };
}

open_all!(
    diesel::sqlite::Sqlite,
    Bounded: bounded,
    BoundedThrough: bounded_through,
    Told: told,
    Streamed: streamed,
    Behind: behind,
    BehindFenced: behind_fenced
);
open_all!(diesel::pg::Pg);
open_all!(diesel::mysql::Mysql);

/// Runs the schedule of a seed.
pub fn run<C: Home>(bench: &Bench<C>, mode: Mode, seed: u64) -> Outcome {
    let (runtime, quiet) = Quiet::runtime(bench.is_real());
    let (plan, rng) = Plan::new(mode, bench.ground, seed);
    bench.reset(&plan.initial);
    let world = World::new(bench.time.clone());
    world.state().history.commit(world.time.now(), plan.initial.clone(), 0);
    let (ended, faults) = runtime.block_on(async {
        let store = bench.store().await;
        let stream = Stream::new(seed.is_multiple_of(3));
        let mut processes = Vec::new();
        for process in 0..plan.processes {
            processes.push(open(bench, &plan, &world, store.clone(), &stream, process).await);
        }
        world.state().free = false;
        let clients = plan.scripts.iter().enumerate().map(|(number, (process, acts))| {
            let client = client(&world, &plan, *process, &processes);
            let task = CLIENT.scope(number, client.run(acts.clone()));
            Running { process: *process, task: tokio::spawn(task) }
        });
        let mut clients: Vec<Running> = clients.collect();
        if !plan.outside.is_empty() {
            let outside = outside(bench, &plan, &world, &stream);
            let task = CLIENT.scope(plan.scripts.len(), outside.run(plan.outside.clone()));
            clients.push(Running { process: plan.processes, task: tokio::spawn(task) });
        }
        let mut scheduler = Scheduler {
            world: &world,
            plan: &plan,
            rng,
            quiet: &quiet,
            links: &bench.links,
            store,
            stream,
            flush: &|| bench.flush(),
            keys: keys(mode),
            clients,
            budget: plan.budget,
            away: 0,
            faults: 0,
        };
        let mut ended = scheduler.run().await;
        if ended.is_ok() {
            ended = finish(&mut scheduler, &processes).await;
        }
        for client in &mut scheduler.clients {
            let panicked = client.task.is_finished()
                && (&mut client.task).await.is_err_and(|error| error.is_panic());
            if panicked {
                ended = Err("a client panicked".to_owned());
            }
        }
        (ended, scheduler.faults)
    });
    drop(runtime);
    abandon(bench);
    let mut state = world.state();
    let trace = std::mem::take(&mut state.trace);
    let history = std::mem::take(&mut state.history);
    let broken = check(mode, &history).and(ended).err();
    let counts = state.overlapped || faults > 0;
    Outcome { broken, hash: hash(&trace), trace, counts }
}

/// A transaction that a schedule left open ends with it.
fn abandon<C: Link>(bench: &Bench<C>) {
    crate::database::roll_back(&mut bench.links.lock().unwrap().writer).unwrap();
}

async fn open<C: Home>(
    bench: &Bench<C>,
    plan: &Plan,
    world: &Arc<World>,
    store: Arc<dyn cache_runtime::ports::Store>,
    stream: &Stream,
    process: usize,
) -> Arc<dyn Accounts> {
    let seed = plan.seed;
    let parts = Parts {
        database: SimDatabase::new(world.clone(), process, bench.links.clone()),
        store: Arc::new(SimStore { inner: store, world: world.clone(), process }),
        clock: Arc::new(SimClock { world: world.clone(), process }),
        tokens: Box::new(move || SimTokens::new(seed.wrapping_mul(4) + process as u64)),
        namespace: String::new(),
        source: match plan.mode {
            Mode::Streamed => Source::Stream(Arc::new(SimStream {
                stream: stream.clone(),
                world: world.clone(),
                process,
                alone: process + 1 == plan.processes,
                gap: Arc::default(),
            })),
            _ => Source::Table,
        },
    };
    // Half of the schedules are in the middle of a deploy.
    let next = seed % 2 == 1 && process == 1;
    <C::Backend as AllModels>::open(plan.mode, next, parts).await
}

fn outside<C: Link>(
    bench: &Bench<C>,
    plan: &Plan,
    world: &Arc<World>,
    stream: &Stream,
) -> Outside<C> {
    let process = plan.processes;
    let database = SimDatabase::new(world.clone(), process, bench.links.clone());
    let stream = (plan.mode == Mode::Streamed).then(|| stream.clone());
    Outside { world: world.clone(), database, process, stream }
}

fn client(
    world: &Arc<World>,
    plan: &Plan,
    process: usize,
    processes: &[Arc<dyn Accounts>],
) -> Client {
    let accounts = processes[process].clone();
    Client { world: world.clone(), process, mode: plan.mode, accounts }
}

/// When all is quiet, everybody reads what the database holds: at once what the promise allows,
/// and after the ttl nothing else.
async fn finish<C: Link>(
    scheduler: &mut Scheduler<'_, C>,
    processes: &[Arc<dyn Accounts>],
) -> Result<(), String> {
    let (world, plan) = (scheduler.world.clone(), scheduler.plan);
    scheduler.drain(world.time.now()).await?;
    everybody_reads(scheduler, processes).await?;
    if plan.ground.real_time {
        return Ok(());
    }
    if plan.mode.has_events() {
        return taken(scheduler, processes).await;
    }
    if plan.jumps {
        // What lives too long is seen by those who read between one ttl and two.
        for _ in 0..2 {
            let part = 1 + scheduler.rng.below(TTL as usize) as u64;
            scheduler.drain(world.time.now() + Duration::from_secs(part)).await?;
            everybody_reads(scheduler, processes).await?;
        }
    }
    scheduler.drain(world.time.now() + Duration::from_secs(2 * TTL + 1)).await?;
    let before = world.state().history.reads.len();
    everybody_reads(scheduler, processes).await?;
    let state = world.state();
    let last = state.history.commits.last().map(|commit| &commit.tables).unwrap();
    for read in &state.history.reads[before..] {
        if read.register.of(last) != read.value.held() {
            return Err(format!("after the ttl {read:?}, but the table holds {last:?}"));
        }
    }
    Ok(())
}

/// Where nothing but events ends an entry's life: they have all been taken in time, and everybody
/// reads what they told of, as the checker sees it.
async fn taken<C: Link>(
    scheduler: &mut Scheduler<'_, C>,
    processes: &[Arc<dyn Accounts>],
) -> Result<(), String> {
    let world = scheduler.world.clone();
    scheduler.drain(world.time.now() + TAKEN).await?;
    everybody_reads(scheduler, processes).await?;
    let history = &world.state().history;
    match history.told.iter().find(|told| told.taken.is_none()) {
        Some(told) => Err(format!("{TAKEN:?} after the last fault nobody has taken {told:?}")),
        None => Ok(()),
    }
}

async fn everybody_reads<C: Link>(
    scheduler: &mut Scheduler<'_, C>,
    processes: &[Arc<dyn Accounts>],
) -> Result<(), String> {
    let (world, plan) = (scheduler.world, scheduler.plan);
    let crashed = world.state().crashed.clone();
    for process in (0..plan.processes).filter(|process| !crashed.contains(process)) {
        let reader = client(world, plan, process, processes);
        let task = tokio::spawn(CLIENT.scope(process, read_all(reader)));
        scheduler.clients.push(Running { process, task });
    }
    scheduler.calm();
    scheduler.run().await
}

async fn read_all(client: Client) {
    for id in [1, 2] {
        client.read(Register::Key(id), client.accounts.find(id)).await;
    }
    for email in EMAILS {
        client.find_by(email).await;
    }
    for id in [1, 2] {
        client.item(ItemAct::Whole(id)).await;
        client.item(ItemAct::Find(id)).await;
    }
}

/// The keys of the entries of the rows, and of the aggregates around them.
fn keys(mode: Mode) -> Vec<EntryKey> {
    let mut keys = vec![row_key("accounts", "row", 1), row_key("accounts", "row", 2)];
    if mode.has_items() {
        let more = [("accounts", "whole"), ("items", "row")];
        keys.extend(
            more.iter().flat_map(|(table, kind)| [1, 2].map(|id| row_key(table, kind, id))),
        );
    }
    keys
}
