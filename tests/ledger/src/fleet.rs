//! The processes of a run: started, killed, started again, stopped.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cache_rig::death::testament;
use rustix::process::Signal;

use crate::Fault;
use crate::failpoints::{Role, opened};
use crate::ledger::Ledger;
use crate::schedule::{End, Schedule};

/// A process that has not come to its point after this long is killed where it is.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long a process may take to end what it is doing.
const STOPPING: Duration = Duration::from_secs(30);
/// How long the last flusher may take to flush the rest.
const FLUSHING: Duration = Duration::from_secs(120);

/// Who they are: the number of each is its place here.
const ROLES: [Role; 5] = [Role::App, Role::App, Role::App, Role::Flusher, Role::Flusher];

/// The processes, and what they have done so far.
pub(crate) struct Fleet {
    pub(crate) schedule: Schedule,
    /// What went wrong with the processes themselves.
    pub(crate) faults: Vec<String>,
    folder: PathBuf,
    ledger: Arc<Ledger>,
    /// What else is said to all of them.
    options: Vec<String>,
    lives: Vec<Life>,
    /// What is read of the pipes of those that are dead.
    listeners: Vec<JoinHandle<io::Result<()>>>,
    next: u32,
}

struct Life {
    role: Role,
    process: usize,
    child: Child,
    end: Option<End>,
    /// How long it may live from when it has opened its cache, and the file that says that it has: on a
    /// busy machine nobody would come to it otherwise.
    span: Duration,
    opened: PathBuf,
    /// When it is killed from outside, if it is still there.
    until: Option<Instant>,
}

impl Fleet {
    pub(crate) fn start(
        folder: &Path,
        ledger: Arc<Ledger>,
        schedule: Schedule,
        options: Vec<String>,
        mortal: bool,
    ) -> Result<Self, Fault> {
        let (lives, faults, listeners) = (Vec::new(), Vec::new(), Vec::new());
        let folder = folder.to_owned();
        let mut fleet =
            Self { schedule, faults, folder, ledger, options, lives, listeners, next: 0 };
        for (process, role) in ROLES.into_iter().enumerate() {
            let life = fleet.spawn(role, process, mortal)?;
            fleet.lives.push(life);
        }
        // In a build that lacks a guard it might skip what shows that.
        if mortal {
            let steward = fleet.spawn(Role::Steward, ROLES.len(), false)?;
            fleet.lives.push(steward);
        }
        Ok(fleet)
    }

    fn spawn(&mut self, role: Role, process: usize, mortal: bool) -> Result<Life, Fault> {
        self.next += 1;
        let name = match role {
            Role::App => "app",
            Role::Flusher => "flusher",
            Role::Steward => "steward",
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["worker", "--role", name, "--process", &process.to_string()]);
        command.args(["--life", &self.next.to_string()]).arg("--folder").arg(&self.folder);
        command.args(&self.options);
        let (mut end, mut span) = (None, Duration::ZERO);
        if mortal {
            let (doom, after) = self.schedule.next(role);
            span = Duration::from_millis(after);
            if let End::At(point) = doom {
                command.args(["--doom", &point.to_string(), "--after", &after.to_string()]);
                span += PATIENCE;
            }
            end = Some(doom);
        }
        // It stops when its standard input ends, so it does not outlive the coordinator.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipe = child.stdout.take().ok_or("a process without a pipe")?;
        let ledger = self.ledger.clone();
        self.listeners.push(std::thread::spawn(move || ledger.listen(pipe)));
        let opened = opened(&self.folder, self.next);
        Ok(Life { role, process, child, end, span, opened, until: None })
    }

    /// Kills who is to be killed from outside, and starts again whoever is dead.
    pub(crate) fn tend(&mut self) -> Result<(), Fault> {
        for place in 0..self.lives.len() {
            let life = &mut self.lives[place];
            let (role, process, mortal) = (life.role, life.process, life.end.is_some());
            if mortal && life.until.is_none() && life.opened.exists() {
                life.until = Some(Instant::now() + life.span);
            }
            if life.until.is_some_and(|until| Instant::now() > until) {
                life.child.kill()?;
                life.child.wait()?;
                self.bury(place, None)?;
            } else if let Some(status) = life.child.try_wait()? {
                self.bury(place, Some(status))?;
            } else {
                continue;
            }
            self.lives[place] = self.spawn(role, process, mortal)?;
        }
        Ok(())
    }

    /// Accounts for a death: from outside, or by itself, which it has written down just before.
    fn bury(&mut self, place: usize, by_itself: Option<ExitStatus>) -> Result<(), Fault> {
        let process = self.lives[place].process;
        let testament = testament(&self.folder, process);
        let point = read(&testament)?;
        if point.is_some() {
            fs::remove_file(&testament)?;
        }
        let _ = fs::remove_file(&self.lives[place].opened);
        let end = self.lives[place].end;
        let hit = match (end, &point) {
            (Some(End::At(doom)), Some(point)) => *point == doom.to_string(),
            _ => false,
        };
        if let Some(status) = by_itself
            && (!hit || status.signal() != Some(Signal::KILL.as_raw()))
        {
            self.faults.push(format!("process {process} ended by itself: {status}, {point:?}"));
        }
        if let Some(end) = end {
            self.schedule.ended(end, hit);
        }
        Ok(())
    }

    /// Lets those that enqueue end what they are doing, and kills the others: what is pending stays so.
    pub(crate) fn stop(&mut self) -> Result<(), Fault> {
        for life in self.lives.iter_mut().filter(|life| life.role != Role::Flusher) {
            drop(life.child.stdin.take());
        }
        for place in 0..self.lives.len() {
            if self.lives[place].role == Role::Flusher {
                self.lives[place].child.kill()?;
                self.lives[place].child.wait()?;
                self.bury(place, None)?;
                continue;
            }
            match self.lives[place].ended()? {
                Some(status) if status.success() => {
                    if let Some(end) = self.lives[place].end {
                        self.schedule.spared(end);
                    }
                }
                // Its point may have come on the way.
                Some(status) => self.bury(place, Some(status))?,
                None => self.faults.push(format!("process {place} did not stop")),
            }
        }
        self.lives.clear();
        self.hear_out()
    }

    /// A flusher that nobody kills, until `done` says so.
    pub(crate) fn flush(&mut self, done: impl Fn() -> Result<bool, Fault>) -> Result<(), Fault> {
        let mut life = self.spawn(Role::Flusher, ROLES.len() - 1, false)?;
        let begun = Instant::now();
        while begun.elapsed() < FLUSHING && !done()? {
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(life.child.stdin.take());
        if !life.ended()?.is_some_and(|status| status.success()) {
            self.faults.push("the last flusher did not stop".into());
        }
        self.hear_out()
    }

    /// Reads all pipes to their ends.
    fn hear_out(&mut self) -> Result<(), Fault> {
        for listener in self.listeners.drain(..) {
            listener.join().map_err(|_| "a listener panicked")??;
        }
        Ok(())
    }
}

impl Life {
    /// Waits for it, and kills it if it does not end. Tells how it ended by itself.
    fn ended(&mut self) -> Result<Option<ExitStatus>, Fault> {
        let begun = Instant::now();
        while begun.elapsed() < STOPPING {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(None)
    }
}

impl Drop for Fleet {
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
