//! The four processes: started, ordered to die, killed, started again.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::log::Follower;
use crate::Fault;
use crate::plants::Plant;
use crate::register::PROCESSES;

/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Processes {
    folder: PathBuf,
    schema: String,
    plant: Option<Plant>,
    /// The ports at which they find their Redis.
    doors: Vec<u16>,
    lives: Vec<Life>,
    /// What is followed of all lives.
    pub(super) logs: Vec<Follower>,
    /// What went wrong with the processes themselves.
    pub(super) faults: Vec<String>,
}

struct Life {
    number: usize,
    child: Child,
    /// It was told to kill itself.
    doomed: bool,
}

impl Processes {
    pub(super) fn start(
        folder: &Path,
        schema: &str,
        doors: Vec<u16>,
        plant: Option<Plant>,
    ) -> Result<Self, Fault> {
        let (folder, schema) = (folder.to_owned(), schema.to_owned());
        let (lives, logs, faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut processes = Self { folder, schema, plant, doors, lives, logs, faults };
        for process in 0..PROCESSES {
            let life = processes.spawn(process, 0)?;
            processes.lives.push(life);
        }
        Ok(processes)
    }

    fn spawn(&mut self, process: usize, number: usize) -> Result<Life, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("outage-worker").arg("--folder").arg(&self.folder);
        command.args(["--process", &process.to_string(), "--life", &number.to_string()]);
        command.args(["--schema", &self.schema, "--redis", &self.doors[process].to_string()]);
        if let Some(plant) = self.plant {
            command.args(["--plant", plant.name()]);
        }
        // It stops when its standard input ends, so it does not outlive the rig.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        self.logs.push(Follower::new(&self.folder, process, number));
        Ok(Life { number, child, doomed: false })
    }

    fn again(&mut self, process: usize) -> Result<(), Fault> {
        let number = self.lives[process].number + 1;
        self.lives[process] = self.spawn(process, number)?;
        Ok(())
    }

    /// Starts again whoever is dead; nobody may be who was not told to die.
    pub(super) fn tend(&mut self) -> Result<(), Fault> {
        for process in 0..PROCESSES {
            let life = &mut self.lives[process];
            let Some(status) = life.child.try_wait()? else { continue };
            if !life.doomed || status.signal() != Some(Signal::KILL.as_raw()) {
                self.faults.push(format!("process {process} ended by itself: {status}"));
            }
            self.again(process)?;
        }
        Ok(())
    }

    /// Tells a process to kill itself after its next COMMIT.
    pub(super) fn doom(&mut self, process: usize) -> Result<(), Fault> {
        let life = &mut self.lives[process];
        life.doomed = true;
        let stdin = life.child.stdin.as_mut().ok_or("a process that cannot be told anything")?;
        Ok(stdin.write_all(b"die\n")?)
    }

    /// Which life of this number it is.
    pub(super) fn life(&self, process: usize) -> usize {
        self.lives[process].number
    }

    /// As `kill -9`; and starts it again.
    pub(super) fn kill(&mut self, process: usize) -> Result<(), Fault> {
        let life = &mut self.lives[process];
        life.child.kill()?;
        life.child.wait()?;
        self.again(process)
    }

    /// Lets all end what they are doing, and waits for them.
    pub(super) fn stop(&mut self) -> Result<(), Fault> {
        self.lives.iter_mut().for_each(|life| drop(life.child.stdin.take()));
        let until = Instant::now() + PATIENCE;
        for (process, life) in self.lives.iter_mut().enumerate() {
            loop {
                match life.child.try_wait()? {
                    Some(status) if status.success() || life.doomed => break,
                    Some(status) => {
                        self.faults.push(format!("process {process} ended badly: {status}"));
                        break;
                    }
                    None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                    None => {
                        life.child.kill()?;
                        life.child.wait()?;
                        self.faults.push(format!("process {process} did not stop"));
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for life in &mut self.lives {
            // It may be dead already.
            let _ = life.child.kill();
            let _ = life.child.wait();
        }
    }
}
