//! One run of four processes: started, killed, started again, stopped.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cache_rig::death::testament;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::Fault;
use crate::check::{ALL_ROWS, REGISTER, VIOLATIONS};
use crate::counters::Counters;
use crate::plants::Plant;
use crate::register::{PROCESSES, Register};
use crate::schedule::{End, Schedule};
use crate::setup::Server;

/// A process that has not come to its point after this long is killed where it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Four processes, and what they have done so far.
pub(crate) struct Run {
    pub(crate) server: Server,
    pub(crate) schema: String,
    pub(crate) schedule: Schedule,
    /// What went wrong with the processes themselves.
    pub(crate) faults: Vec<String>,
    folder: TempDir,
    plant: Option<Plant>,
    lives: Vec<Life>,
}

struct Life {
    child: Child,
    end: End,
    /// When it is killed from outside, if it is still there.
    until: Instant,
}

impl Run {
    /// Makes the tables and starts the processes.
    pub(crate) async fn start(server: Server, plant: Option<Plant>) -> Result<Self, Fault> {
        let name = plant.map_or("sound", Plant::name).replace('-', "_");
        // The runs share a Redis, where it is also the namespace.
        let schema = format!("chaos_{}_{}_{name}", std::process::id(), server.argument());
        server.create(&schema).await?;
        let folder = tempfile::Builder::new().prefix("cache-chaos.").tempdir()?;
        Register::create(&folder.path().join(REGISTER), ALL_ROWS)?;
        let (schedule, faults, lives) = (Schedule::new(), Vec::new(), Vec::new());
        let mut run = Self { server, schema, schedule, faults, folder, plant, lives };
        for process in 0..PROCESSES {
            let life = run.spawn(process)?;
            run.lives.push(life);
        }
        Ok(run)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What all processes have counted.
    pub(crate) fn counters(&self) -> io::Result<Counters> {
        Counters::total(self.folder(), PROCESSES)
    }

    /// What the history checker has found.
    pub(crate) fn violations(&self) -> io::Result<Vec<String>> {
        let text = read(&self.folder().join(VIOLATIONS))?.unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn spawn(&mut self, process: usize) -> Result<Life, Fault> {
        let (end, after) = self.schedule.next();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").args(["--process", &process.to_string()]);
        command.arg("--folder").arg(self.folder()).args(["--schema", &self.schema]);
        command.args(["--server", self.server.argument()]);
        if let Some(plant) = self.plant {
            command.args(["--plant", plant.name()]);
        }
        let mut until = Instant::now() + Duration::from_millis(after);
        if let End::At(point) = end {
            command.args(["--doom", &point.to_string(), "--after", &after.to_string()]);
            until += PATIENCE;
        }
        // It stops when its standard input ends, so it does not outlive the coordinator.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        Ok(Life { child, end, until })
    }

    /// Kills who is to be killed from outside, and starts again whoever is dead.
    pub(crate) fn tend(&mut self) -> Result<(), Fault> {
        for process in 0..PROCESSES {
            let life = &mut self.lives[process];
            if Instant::now() > life.until {
                life.child.kill()?;
                life.child.wait()?;
                self.bury(process, None)?;
            } else if let Some(status) = life.child.try_wait()? {
                self.bury(process, Some(status))?;
            } else {
                continue;
            }
            self.lives[process] = self.spawn(process)?;
        }
        Ok(())
    }

    /// Accounts for a death: from outside, or by itself, which it has written down just before.
    fn bury(&mut self, process: usize, by_itself: Option<ExitStatus>) -> Result<(), Fault> {
        let testament = testament(self.folder(), process);
        let point = read(&testament)?;
        if point.is_some() {
            fs::remove_file(&testament)?;
        }
        let end = self.lives[process].end;
        let hit = match (end, &point) {
            (End::At(doom), Some(point)) => *point == doom.to_string(),
            _ => false,
        };
        if let Some(status) = by_itself
            && (!hit || status.signal() != Some(Signal::KILL.as_raw()))
        {
            self.faults.push(format!("process {process} ended by itself: {status}, {point:?}"));
        }
        self.schedule.ended(end, hit);
        Ok(())
    }

    /// Lets all processes end what they are doing, and waits for them.
    pub(crate) fn stop(&mut self) -> Result<(), Fault> {
        for life in &mut self.lives {
            drop(life.child.stdin.take());
        }
        let until = Instant::now() + PATIENCE;
        for process in 0..PROCESSES {
            let life = &mut self.lives[process];
            let status = loop {
                match life.child.try_wait()? {
                    None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                    None => {
                        life.child.kill()?;
                        life.child.wait()?;
                        self.faults.push(format!("process {process} did not stop"));
                        break None;
                    }
                    status => break status,
                }
            };
            match status {
                // Its point may have come on the way.
                Some(status) if !status.success() => self.bury(process, Some(status))?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        for life in &mut self.lives {
            // It may be dead already.
            let _ = life.child.kill();
            let _ = life.child.wait();
        }
    }
}

/// The file's text, if there is such a file.
fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    }
}
