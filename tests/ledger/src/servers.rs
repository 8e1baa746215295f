//! The Redis and the database of a run, which nobody else uses, so that they can be killed.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rand::Rng as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::Fault;
use crate::link::Link;
use crate::setup::{Place, Server};

/// The functions of the shell that find the binaries.
const FINDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../servers.sh");
/// How long a server may take to come up, after a crash too.
const STARTING: Duration = Duration::from_secs(60);

/// And to end, when nobody is connected any more.
const STOPPING: Duration = Duration::from_secs(10);

/// The servers of a run.
pub(crate) struct Servers {
    pub(crate) place: Place,
    redis: Service,
    database: Option<Service>,
}

/// A server that can be killed and started again on the data that it had.
struct Service {
    command: Vec<String>,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    child: Child,
}

impl Servers {
    /// Starts what the database needs, and makes its tables.
    pub(crate) fn start(server: Server, folder: &Path) -> Result<Self, Fault> {
        let port = free_port()?;
        let redis = redis(folder, port)?;
        let redis_url = format!("redis://127.0.0.1:{port}");
        let (database, url) = match server {
            Server::Sqlite => (None, folder.join("ledger.sqlite").display().to_string()),
            Server::Postgres => postgres(folder).map(|(service, url)| (Some(service), url))?,
            Server::Mariadb => mariadb(folder).map(|(service, url)| (Some(service), url))?,
        };
        let place = Place { server, database: url, redis: redis_url };
        let mut servers = Self { place, redis, database };
        servers.await_redis()?;
        servers.place.create()?;
        servers.place.write(folder)?;
        Ok(servers)
    }

    /// SIGKILL, and a new one on the same port that holds nothing.
    pub(crate) fn kill_redis(&mut self) -> Result<(), Fault> {
        self.redis.kill()?;
        self.redis.start()?;
        self.await_redis()
    }

    fn await_redis(&mut self) -> Result<(), Fault> {
        let url = self.place.redis.clone();
        self.redis.ready(|| say(&url, "PING").map(drop))
    }

    /// Has Redis do something, by a connection of its own.
    pub(crate) fn tell_redis(&self, command: &str) -> Result<(), Fault> {
        say(&self.place.redis, command).map(drop)
    }

    /// SIGKILL for the database, with all its processes, and `meanwhile` before it is started again on
    /// what it had on the disk. False if there is none to kill.
    pub(crate) fn kill_database(
        &mut self,
        meanwhile: impl FnOnce() -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        let Some(database) = &mut self.database else { return Ok(false) };
        database.kill()?;
        meanwhile()?;
        database.start()?;
        let place = self.place.clone();
        database.ready(|| place.link().map(drop))?;
        Ok(true)
    }

    /// Cuts all connections to the database but the one that does it. False if there are none.
    pub(crate) fn cut_database(&self) -> Result<bool, Fault> {
        match self.place.server {
            Server::Sqlite => return Ok(false),
            Server::Postgres => self.place.link()?.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                 AND backend_type = 'client backend'",
            )?,
            Server::Mariadb => {
                let mut link = self.place.link()?;
                let others = "SELECT CAST(ID AS SIGNED) AS a, 0 AS b, 0 AS c FROM \
                              information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER = \
                              'cache'";
                for other in link.threes(others)? {
                    // It may have gone meanwhile.
                    let _ = link.run(&format!("KILL {}", other.a));
                }
            }
        }
        Ok(true)
    }

    /// The database's own process.
    pub(crate) fn database_process(&self) -> Option<u32> {
        self.database.as_ref().map(|database| database.child.id())
    }
}

impl Service {
    fn launch(
        command: Vec<String>,
        folder: PathBuf,
        user: Option<(u32, u32)>,
    ) -> Result<Self, Fault> {
        let child = start(&command, &folder, user)?;
        Ok(Self { command, folder, user, child })
    }

    fn start(&mut self) -> Result<(), Fault> {
        self.child = start(&self.command, &self.folder, self.user)?;
        Ok(())
    }

    /// The process and all that it has started, at once.
    fn kill(&mut self) -> Result<(), Fault> {
        let id = self.child.id();
        let all = children(id);
        self.child.kill()?;
        for child in &all {
            // It may be gone already.
            let pid = i32::try_from(*child).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        }
        self.child.wait()?;
        let begun = Instant::now();
        while all.iter().any(|child| is_running(*child)) && begun.elapsed() < STARTING {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn ready(&mut self, ask: impl Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        let begun = Instant::now();
        loop {
            let Err(fault) = ask() else { return Ok(()) };
            if begun.elapsed() > STARTING {
                return Err(format!("{}: {fault}\n{}", self.command[0], log(&self.folder)).into());
            }
            // Right after a kill it may find traces of its old self.
            if self.child.try_wait()?.is_some() {
                std::thread::sleep(Duration::from_millis(100));
                self.start()?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    /// In order, so that it leaves no shared memory behind; by force if that takes too long.
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let begun = Instant::now();
        while begun.elapsed() < STOPPING {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.kill();
    }
}

fn start(command: &[String], folder: &Path, user: Option<(u32, u32)>) -> Result<Child, Fault> {
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    let mut child = prepared(command, folder, user);
    child.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(child.spawn().map_err(|error| format!("{}: {error}", command[0]))?)
}

fn prepared(command: &[String], folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut prepared = Command::new(&command[0]);
    prepared.args(&command[1..]).current_dir(folder);
    if let Some((user, group)) = user {
        prepared.uid(user).gid(group);
    }
    prepared
}

/// Runs to its end, which must be a good one.
fn run(command: &[String], folder: &Path, user: Option<(u32, u32)>) -> Result<String, Fault> {
    let output = prepared(command, folder, user).stdin(Stdio::null()).output()?;
    text(&command[0], output)
}

fn text(name: &str, output: Output) -> Result<String, Fault> {
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?.trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{name} failed ({}): {said}", output.status).into())
}

fn log(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// What a function of `tests/servers.sh` finds.
fn found(function: &str) -> Result<String, Fault> {
    let script = format!("source {FINDERS}; {function}");
    let output = Command::new("bash").args(["-c", &script]).output()?;
    let found = text(function, output)?;
    if found.is_empty() { Err(format!("{function} finds nothing").into()) } else { Ok(found) }
}

fn strings<const N: usize>(all: [&str; N]) -> Vec<String> {
    all.map(str::to_owned).to_vec()
}

fn redis(folder: &Path, port: u16) -> Result<Service, Fault> {
    let server = std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
    let folder = folder.join("redis");
    fs::create_dir(&folder)?;
    let mut command = strings([&server, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.extend(["--port".into(), port.to_string(), "--daemonize".into(), "no".into()]);
    Service::launch(command, folder, None)
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// PostgreSQL refuses to run as root: there, an unprivileged user runs it.
fn unprivileged() -> Result<Option<(u32, u32)>, Fault> {
    if !is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        let id = |what: &str| -> Option<u32> {
            let output = Command::new("id").args([what, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        if let (Some(user), Some(group)) = (id("-u"), id("-g")) {
            return Ok(Some((user, group)));
        }
    }
    Err("this is root, and there is neither a user postgres nor nobody".into())
}

fn postgres(folder: &Path) -> Result<(Service, String), Fault> {
    let bin = found("postgres_bin")?;
    let user = unprivileged()?;
    let folder = folder.join("postgres");
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    if let Some((user, group)) = user {
        chown(&folder, Some(user), Some(group))?;
    }
    let initdb = format!("{bin}/initdb");
    let init = [&initdb, "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"];
    run(&strings(init), &folder, user)?;
    let (server, port) = (format!("{bin}/postgres"), free_port()?);
    let sockets = folder.display().to_string();
    let mut command = strings([&server, "-D", "data", "-h", "127.0.0.1", "-k", &sockets]);
    command.extend(["-p".into(), port.to_string(), "-c".into(), "max_connections=200".into()]);
    let mut service = Service::launch(command, folder, user)?;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    service.ready(|| Link::open(Server::Postgres, &url).map(drop))?;
    Ok((service, url))
}

fn mariadb(folder: &Path) -> Result<(Service, String), Fault> {
    let server = found("mysql_server")?;
    let folder = folder.join("mariadb");
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let (data, socket) =
        (format!("--datadir={0}/data", folder.display()), format!("{}/socket", folder.display()));
    let mut options = strings(["--no-defaults", &data]);
    if is_root() {
        options.push("--user=root".into());
    }
    let mut init = strings(["mariadb-install-db"]);
    init.extend(options.clone());
    init.extend(strings(["--auth-root-authentication-method=normal", "--skip-test-db"]));
    run(&init, &folder, None)?;
    let port = free_port()?;
    let mut command = vec![server];
    command.extend(options);
    command.extend([
        format!("--socket={socket}"),
        format!("--pid-file={}/pid", folder.display()),
        format!("--port={port}"),
    ]);
    command.extend(strings([
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--max-connections=400",
        "--character-set-server=utf8mb4",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-size=64M",
    ]));
    let mut service = Service::launch(command, folder.clone(), None)?;
    let client = |sql: &str| {
        let socket = format!("--socket={socket}");
        strings(["mariadb", "--no-defaults", "--user=root", &socket, "-e", sql])
    };
    service.ready(|| run(&client("SELECT 1"), &folder, None).map(drop))?;
    let grant =
        "CREATE DATABASE ledger; GRANT ALL ON *.* TO cache@'127.0.0.1' IDENTIFIED BY 'cache'";
    run(&client(grant), &folder, None)?;
    Ok((service, format!("mysql://cache:cache@127.0.0.1:{port}/ledger")))
}

/// Below those that the system gives to clients: one of these must not take it while a server is dead.
fn free_port() -> Result<u16, Fault> {
    for _ in 0..100 {
        let port = rand::rng().random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}

/// A command of one line, and the beginning of its answer.
fn say(url: &str, command: &str) -> Result<String, Fault> {
    let address = url.strip_prefix("redis://").ok_or("not a Redis")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut bytes = [0; 64];
    let read = stream.read(&mut bytes)?;
    let answer = String::from_utf8_lossy(&bytes[..read]).into_owned();
    if answer.starts_with(['+', ':']) { Ok(answer) } else { Err(answer.into()) }
}

/// The processes that one has started, where the system tells.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    let of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).ok();
    let all: Vec<String> = threads.flatten().filter_map(of).collect();
    all.iter().flat_map(|list| list.split_whitespace()).filter_map(|id| id.parse().ok()).collect()
}

/// A zombie, which its new parent has not buried yet, runs no more.
fn is_running(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}
