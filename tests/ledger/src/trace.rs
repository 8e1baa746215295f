//! Whether a commit is on the disk before it is acknowledged, by the system calls: one writer, one write at
//! a time, traced together with the processes of its database.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fault;
use crate::coordinator::stage;
use crate::servers::{Servers, children};
use crate::setup::Server;

/// How long it writes.
const TIME: Duration = Duration::from_secs(2);
/// How long the tracer may take to be there, and to go.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a worker says as it is about to send COMMIT.
pub(crate) const MARK: &str = "commit";

/// What a trace shows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Writes whose commit and acknowledgement were seen.
    pub(crate) acknowledged: u64,
    /// Syncs that began after such a commit was sent, and ended before it was acknowledged.
    pub(crate) syncs: u64,
    /// Acknowledgements without one.
    pub(crate) without: u64,
}

/// Traces one writer. `unsynced` is a SQLite that does not wait for its disk.
pub(crate) fn trace(server: Server, unsynced: bool) -> Result<Synced, Fault> {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        return Err("strace is missing, which counts the syncs: apt-get install strace".into());
    }
    let folder = stage()?;
    let folder = folder.path();
    let servers = Servers::start(server, folder)?;
    let (mut files, mut tracer) = (vec![folder.join("worker.trace")], None);
    if let Some(process) = servers.database_process() {
        files.push(folder.join("database.trace"));
        tracer = Some(attach(process, &files[1])?);
    }
    let mut command = traced(&files[0]);
    command.arg(std::env::current_exe()?);
    command.args(["worker", "--role", "app", "--life", "1", "--writers", "1", "--readers", "0"]);
    command.arg("--marks").arg("--folder").arg(folder);
    if unsynced {
        command.arg("--unsynced");
    }
    let quiet = || Stdio::null();
    let mut worker = command.stdin(Stdio::piped()).stdout(quiet()).stderr(quiet()).spawn()?;
    std::thread::sleep(TIME);
    drop(worker.stdin.take());
    ended(&mut worker)?;
    if let Some(mut tracer) = tracer {
        let interrupt = rustix::process::Signal::INT;
        let id = i32::try_from(tracer.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.ok_or("a tracer without a number")?, interrupt)?;
        ended(&mut tracer)?;
    }
    let mut events = Vec::new();
    for file in &files {
        for line in BufReader::new(File::open(file)?).split(b'\n') {
            events.extend(event(&String::from_utf8_lossy(&line?)));
        }
    }
    Ok(judge(events))
}

fn traced(file: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-ttt", "-T", "-e", "trace=write,fsync,fdatasync", "-o"]).arg(file);
    command
}

/// Traces a process, all its threads, and those that it has started and will start.
fn attach(process: u32, file: &Path) -> Result<Child, Fault> {
    let mut command = traced(file);
    for id in std::iter::once(process).chain(children(process)) {
        command.args(["-p", &id.to_string()]);
    }
    let mut tracer = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let begun = Instant::now();
    let is_traced = || {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    while !is_traced() {
        if tracer.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
            let _ = tracer.kill();
            return Err("strace may not trace the database: is ptrace forbidden here?".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(tracer)
}

fn ended(child: &mut Child) -> Result<(), Fault> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            return Err("what was traced did not end".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// What happened, and when, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// COMMIT is about to be sent.
    Commit(f64),
    Acknowledged(f64),
    /// From then to then.
    Sync(f64, f64),
}

/// What a line of a trace says: `1234 1700000000.123456 fdatasync(7) = 0 <0.000321>`, or the end of a call
/// of which another line is the beginning, `.. <... fdatasync resumed>) = 0 <0.000321>`.
fn event(line: &str) -> Option<Event> {
    let (_, rest) = line.trim_start().split_once(' ')?;
    let (stamp, call) = rest.trim_start().split_once(' ')?;
    let stamp: f64 = stamp.parse().ok()?;
    if call.starts_with("write(") {
        let (_, said) = call.split_once(", \"")?;
        return match said {
            _ if said.starts_with(&format!("{MARK}\\n")) => Some(Event::Commit(stamp)),
            _ if said.starts_with("a ") => Some(Event::Acknowledged(stamp)),
            _ => None,
        };
    }
    let resumed = call.strip_prefix("<... ");
    let name = resumed.unwrap_or(call);
    if !(name.starts_with("fsync") || name.starts_with("fdatasync")) {
        return None;
    }
    let (_, took) = call.split_once("= 0 <")?;
    let took: f64 = took.strip_suffix('>')?.parse().ok()?;
    Some(match resumed {
        Some(_) => Event::Sync(stamp - took, stamp),
        None => Event::Sync(stamp, stamp + took),
    })
}

/// One write is under way at a time, so that the last commit before an acknowledgement is its own.
fn judge(events: Vec<Event>) -> Synced {
    let mut synced = Synced::default();
    let mut syncs = Vec::new();
    let mut said: Vec<(f64, bool)> = Vec::new();
    for event in events {
        match event {
            Event::Sync(from, to) => syncs.push((from, to)),
            Event::Commit(at) => said.push((at, true)),
            Event::Acknowledged(at) => said.push((at, false)),
        }
    }
    said.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut commit = None;
    for (at, is_commit) in said {
        if is_commit {
            commit = Some(at);
        } else if let Some(sent) = commit.take() {
            let between = syncs.iter().filter(|(from, to)| *from >= sent && *to <= at).count();
            synced.acknowledged += 1;
            synced.syncs += between as u64;
            synced.without += u64::from(between == 0);
        } else {
            // Acknowledged, and never committed.
            synced.acknowledged += 1;
            synced.without += 1;
        }
    }
    synced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &str) -> Synced {
        judge(lines.lines().filter_map(event).collect())
    }

    #[test]
    fn a_sync_counts_between_commit_and_acknowledgement() {
        let good = "7 10.000000 write(2, \"commit\\n\", 7) = 7 <0.000010>\n\
                    9 10.100000 fdatasync(5) = 0 <0.050000>\n\
                    7 10.200000 write(9, \"a 1 2\\n\", 6 <unfinished ...>";
        assert_eq!(judged(good), Synced { acknowledged: 1, syncs: 1, without: 0 });
        let resumed = good.replace("fdatasync(5) = 0 <0.05", "<... fsync resumed>) = 0 <0.05");
        assert_eq!(judged(&resumed), Synced { acknowledged: 1, syncs: 1, without: 0 });
    }

    #[test]
    fn a_sync_before_or_after_does_not() {
        for sync in [
            "9 09.900000 fdatasync(5) = 0 <0.150000>",
            "9 10.190000 fdatasync(5) = 0 <0.050000>",
            "9 10.100000 fdatasync(5) = -1 EIO <0.010000>",
            "9 10.100000 write(5, \"x\", 1) = 1 <0.010000>",
        ] {
            let lines = format!(
                "7 10.000000 write(2, \"commit\\n\", 7) = 7 <0.000010>\n{sync}\n\
                 7 10.200000 write(9, \"a 1 2\\n\", 6) = 6 <0.000010>"
            );
            assert_eq!(judged(&lines), Synced { acknowledged: 1, syncs: 0, without: 1 }, "{sync}");
        }
        let bare = "7 10.200000 write(9, \"a 1 2\\n\", 6) = 6 <0.000010>";
        assert_eq!(judged(bare), Synced { acknowledged: 1, syncs: 0, without: 1 });
    }
}
