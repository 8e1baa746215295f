//! One database after the other under kills; then the builds that must be found out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tempfile::TempDir;

use crate::Fault;
use crate::balance::Balance;
use crate::faults::Mishaps;
use crate::fleet::Fleet;
use crate::ledger::{Ledger, Sums};
use crate::models::SHEETS;
use crate::observer::Observer;
use crate::plants::Plant;
use crate::register::{Head, Register};
use crate::schedule::Schedule;
use crate::servers::Servers;
use crate::setup::Server;
use crate::trace::trace;
use crate::traffic::sheet;

/// How long it takes, and what of it is done.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// How long all databases together are written to at least, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How often a process has to be killed at each point, on each database; 5 from 300 seconds on.
    /// Without it, what is reached by chance is reported.
    #[arg(long)]
    kills: Option<u64>,
    /// Runs a build without a defence, which the comparison must not let pass.
    #[arg(long)]
    plant: Option<Plant>,
    /// On this database alone.
    #[arg(long)]
    database: Option<Server>,
}

/// From here on it is the long form.
const LONG: u64 = 300;
/// How many writes have to be acknowledged on each database at least.
const WRITES: u64 = 500;
/// How much longer a database may take to reach its goals.
const GRACE: Duration = Duration::from_secs(300);
/// How soon a build without a defence has to be found out.
const PLANT_TIME: Duration = Duration::from_secs(60);
/// How long such a build writes before it is compared; if nothing was found, the next twice as long.
const PLANT_ROUND: Duration = Duration::from_secs(3);
/// And between two mishaps.
const PLANT_PAUSE: Duration = Duration::from_millis(1500);
/// How many commits are traced at least.
const TRACED: u64 = 10;
const BEAT: Duration = Duration::from_millis(10);
/// What the database may still do for those who are gone.
const AFTERMATH: Duration = Duration::from_millis(500);

/// Counts and prints judgements.
#[derive(Debug, Default)]
struct Verdict {
    passed: u64,
    failed: u64,
}

impl Verdict {
    fn on(&mut self, what: &str, good: bool) {
        println!("{} {what}", if good { "ok    " } else { "FAILED" });
        *(if good { &mut self.passed } else { &mut self.failed }) += 1;
    }
}

/// What one database came to.
#[derive(Debug, Default)]
struct Outcome {
    line: String,
    balance: Balance,
    kills: u64,
}

/// True if nothing failed.
pub(crate) fn run(options: &Options) -> Result<bool, Fault> {
    let mut verdict = Verdict::default();
    let servers = options.database.map_or(Server::ALL.to_vec(), |server| vec![server]);
    let servers = match options.plant {
        Some(_) if options.database.is_none() => vec![Server::Sqlite],
        _ => servers,
    };
    let each = Duration::from_secs(options.seconds) / u32::try_from(servers.len())?;
    let mut outcomes = Vec::new();
    for server in &servers {
        println!("on Redis and {}:", server.name());
        outcomes.push(match options.plant {
            None => sound(*server, each, options, &mut verdict)?,
            Some(plant) => {
                let (_, outcome) = Run::planted(*server, plant)?;
                let clean = "all that was acknowledged is there, once and in order";
                verdict.on(clean, outcome.balance.is_clean());
                outcome
            }
        });
    }
    if options.plant.is_none() && servers.contains(&Server::Sqlite) {
        let bare = trace(Server::Sqlite, true)?;
        let what = format!(
            "a SQLite that does not wait for its disk: {} of {} acknowledgements without a sync",
            bare.without, bare.acknowledged
        );
        verdict.on(&what, bare.without > 0);
        println!("builds that must be found out, on Redis and SQLite:");
        for plant in Plant::ALL {
            let (found, outcome) = Run::planted(Server::Sqlite, plant)?;
            verdict.on(&outcome.line, found);
        }
    }
    let mut all = Outcome::default();
    for Outcome { line, balance, kills } in outcomes {
        println!("{line}");
        all.kills += kills;
        all.balance.acknowledged += balance.acknowledged;
        all.balance.lost += balance.lost;
        all.balance.duplicated += balance.duplicated;
        all.balance.reordered += balance.reordered;
        all.balance.regressions += balance.regressions;
    }
    println!("{} passed, {} failed", verdict.passed, verdict.failed);
    println!(
        "ledger: {} acknowledged, {} lost, {} duplicated, {} reordered, {} regressions, {} kills",
        all.balance.acknowledged,
        all.balance.lost,
        all.balance.duplicated,
        all.balance.reordered,
        all.balance.regressions,
        all.kills
    );
    Ok(verdict.failed == 0)
}

/// A folder in which processes can meet.
pub(crate) fn stage() -> Result<TempDir, Fault> {
    // PostgreSQL's own user must reach it, and the path of a unix socket is limited to some hundred bytes.
    let folder = tempfile::Builder::new().prefix("cache-ledger.").tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
    Register::create(folder.path())?;
    for id in 0..SHEETS {
        fs::write(sheet(folder.path(), id), 0_i64.to_le_bytes())?;
    }
    Ok(folder)
}

/// A run on one database.
struct Run {
    // Dropped in this order: the processes before their servers, and these before their folder.
    fleet: Fleet,
    observer: Option<Observer>,
    servers: Servers,
    mishaps: Mishaps,
    ledger: Arc<Ledger>,
    folder: TempDir,
}

impl Run {
    fn start(server: Server, plant: Option<Plant>, pause: Duration) -> Result<Self, Fault> {
        let folder = stage()?;
        let servers = Servers::start(server, folder.path())?;
        let ledger = Arc::new(Ledger::create(folder.path())?);
        let observer = Some(Observer::start(servers.place.clone(), ledger.clone()));
        let mishaps = Mishaps::new(server, Head::open(folder.path())?, pause);
        let schedule = Schedule::new(server == Server::Sqlite);
        let options = plant.map(Plant::options).unwrap_or_default();
        // A build that lacks a guard needs no kill to be found out, and is so sooner without.
        let mortal = plant.is_none();
        let fleet = Fleet::start(folder.path(), ledger.clone(), schedule, options, mortal)?;
        Ok(Self { fleet, observer, servers, mishaps, ledger, folder })
    }

    fn tend(&mut self) -> Result<(), Fault> {
        std::thread::sleep(BEAT);
        self.fleet.tend()?;
        match &self.observer {
            Some(observer) => self.mishaps.tend(&mut self.servers, observer),
            None => Ok(()),
        }
    }

    /// Ends all processes.
    fn stop(&mut self) -> Result<(), Fault> {
        self.fleet.stop()?;
        if let Some(observer) = self.observer.take() {
            observer.stop()?;
        }
        std::thread::sleep(AFTERMATH);
        Ok(())
    }

    fn kills(&self) -> u64 {
        self.fleet.schedule.kills() + self.mishaps.kills()
    }

    /// A build without a guard, until the comparison finds it out or the time is over. Tells whether it
    /// was found out as what it is.
    fn planted(server: Server, plant: Plant) -> Result<(bool, Outcome), Fault> {
        let begun = Instant::now();
        let mut outcome = Outcome::default();
        let (mut found, mut time) = (false, PLANT_ROUND);
        while !found && begun.elapsed() < PLANT_TIME {
            let mut run = Self::start(server, Some(plant), PLANT_PAUSE)?;
            let round = Instant::now();
            let is_seen = |sums: Sums| match plant {
                Plant::Lose | Plant::Dup => false,
                Plant::Reorder => !sums.reordered.is_empty(),
                Plant::Regress => !sums.regressed.is_empty(),
            };
            while round.elapsed() < time && !is_seen(run.ledger.sums()) {
                run.tend()?;
            }
            time *= 2;
            run.stop()?;
            let (balance, findings) = compare(run.folder.path(), false)?;
            found = match plant {
                Plant::Lose => balance.lost > 0,
                Plant::Dup => balance.duplicated > 0,
                Plant::Reorder => balance.reordered > 0,
                Plant::Regress => balance.regressions > 0,
            };
            if found {
                let told = run.ledger.sums();
                let seen = if plant == Plant::Regress { told.regressed } else { told.reordered };
                let first = seen.into_iter().chain(findings).next().unwrap_or_default();
                println!("       {}", first.trim());
            }
            let line = format!(
                "{}, without {}: {} lost, {} duplicated, {} reordered, {} regressions; {}",
                plant.name(),
                plant.guard_name(),
                balance.lost,
                balance.duplicated,
                balance.reordered,
                balance.regressions,
                server.name()
            );
            outcome = Outcome { line, kills: run.kills(), balance };
        }
        Ok((found, outcome))
    }
}

/// The sound build.
fn sound(
    server: Server,
    least: Duration,
    options: &Options,
    verdict: &mut Verdict,
) -> Result<Outcome, Fault> {
    let is_long = options.seconds >= LONG;
    let kills = options.kills.unwrap_or(if is_long { 5 } else { 0 });
    let pause = Duration::from_millis(if is_long { 4000 } else { 2000 });
    let mut run = Run::start(server, None, pause)?;
    let begun = Instant::now();
    let mut told = begun;
    loop {
        run.tend()?;
        let time = begun.elapsed();
        let sums = run.ledger.sums();
        let reached = run.fleet.schedule.least() >= kills
            && run.mishaps.least() >= kills.max(1)
            && sums.acknowledged >= WRITES;
        // After the first regress there is nothing left to show.
        let lost = sums.regressed.len() + sums.reordered.len() + run.fleet.faults.len() > 0;
        if (time >= least && reached) || time >= least + GRACE || lost {
            break;
        }
        if told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            let (points, of) = run.fleet.schedule.reached();
            println!(
                "{:4} s: {} acknowledged, {} refused, {} reads, {} kills, {points} of {of} points",
                time.as_secs(),
                sums.acknowledged,
                sums.refused,
                sums.reads,
                run.kills()
            );
        }
    }
    run.stop()?;
    println!("{}", run.fleet.schedule.report());
    let befell =
        run.mishaps.counts.iter().map(|(mishap, count)| format!("{} {count}", mishap.name()));
    println!("{}", befell.collect::<Vec<_>>().join(", "));
    let sums = run.ledger.sums();
    for what in sums.regressed.iter().chain(&sums.reordered).take(5) {
        println!("       {what}");
    }
    let (balance, findings) = compare(run.folder.path(), false)?;
    findings.iter().for_each(|finding| println!("{finding}"));
    let left = format!("with {} pending and {} parked", balance.pending, balance.parked);
    verdict.on(&format!("{left}, all that was acknowledged is there once"), balance.is_clean());
    // And again when all of it has been flushed.
    let place = run.servers.place.clone();
    run.fleet.flush(|| {
        let sql = "SELECT count(*) AS a, count(*) AS b, count(*) AS c FROM cache_outbox";
        Ok(place.link()?.threes(sql)?.iter().all(|row| row.a == 0))
    })?;
    let (drained, findings) = compare(run.folder.path(), true)?;
    findings.iter().for_each(|finding| println!("{finding}"));
    verdict.on("and once more when nothing is pending", drained.is_clean());
    for fault in &run.fleet.faults {
        println!("       {fault}");
    }
    verdict.on("no process ended but by a kill", run.fleet.faults.is_empty());
    let used = balance.acknowledged >= WRITES && balance.reads > 0 && drained.parked > 0;
    let what = format!("{WRITES} writes were acknowledged, reads were checked, rows were parked");
    verdict.on(&what, used);
    let least = run.fleet.schedule.least();
    let (points, of) = run.fleet.schedule.reached();
    if kills > 0 {
        let rarest = format!("{least} kills at the rarest of {of} points, at least {kills}");
        verdict.on(&rarest, least >= kills);
    }
    let mishaps = run.mishaps.least();
    verdict.on(&format!("each mishap at least {}", kills.max(1)), mishaps >= kills.max(1));
    let synced = trace(server, false)?;
    let what = format!(
        "{} syncs between {} traced commits and their acknowledgements, {} without one",
        synced.syncs, synced.acknowledged, synced.without
    );
    verdict.on(&what, synced.acknowledged >= TRACED && synced.without == 0);
    let line = format!(
        "{}: {} acknowledged, {} maybe, {} refused, {} reads, {} pending, {} parked, {} kills at {points} \
         of {of} points, {} lost, {} duplicated, {} reordered, {} regressions",
        server.name(),
        balance.acknowledged,
        balance.maybe,
        balance.refused,
        balance.reads,
        balance.pending,
        balance.parked,
        run.kills(),
        drained.lost,
        drained.duplicated,
        drained.reordered,
        drained.regressions
    );
    Ok(Outcome { line, kills: run.kills(), balance: drained })
}

/// What the program that compares finds, and says of it.
fn compare(folder: &Path, drained: bool) -> Result<(Balance, Vec<String>), Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("compare").arg("--folder").arg(folder);
    if drained {
        command.arg("--drained");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let balance = lines.pop().and_then(|line| Balance::of_line(&line));
    let balance = balance.ok_or_else(|| format!("the comparison failed: {}", output.status))?;
    if balance.is_clean() != output.status.success() {
        return Err("the comparison contradicts itself".into());
    }
    Ok((balance, lines))
}
