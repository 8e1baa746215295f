//! A Redis of the rig's own, to kill, stop, start again and copy.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult};
use rustix::process::{Pid, Signal, kill_process};

use crate::Fault;
use crate::setup::required;

/// How long a server may take to start, or to copy another.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to answer a command, on a busy machine.
const ANSWER: Duration = Duration::from_secs(10);

/// A server that ends with the rig.
pub(super) struct Server {
    pub(super) port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// Starts one that keeps nothing on disk, in this folder.
    pub(super) async fn start(folder: PathBuf) -> Result<Self, Fault> {
        std::fs::create_dir(&folder)?;
        // Another process may take the port before the server does.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut server = Self { port, folder: folder.clone(), child: None };
            if server.run().await.is_ok() {
                return Ok(server);
            }
        }
        Err("redis-server did not start".into())
    }

    /// Starts it, empty, if it does not run.
    pub(super) async fn run(&mut self) -> Result<(), Fault> {
        if self.child.is_some() {
            return Ok(());
        }
        let child = Command::new(required("TEST_REDIS_SERVER")?)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"])
            .arg("--dir")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let child = self.child.insert(child);
        let own = child.id().to_string();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && child.try_wait()?.is_none() {
            // A foreign server on the port would answer too.
            let info: RedisResult<String> = ask(self.port, &["INFO", "server"]).await;
            if info.is_ok_and(|info| field(&info, "process_id") == Some(&own)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kill()?;
        Err("redis-server did not start".into())
    }

    /// As `kill -9`.
    pub(super) fn kill(&mut self) -> Result<(), Fault> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), Fault> {
        let child = self.child.as_ref().ok_or("a Redis that does not run takes no signal")?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(id.ok_or("a process without a number")?, signal)?)
    }

    /// Runs a command over a connection of the rig's own, past every proxy.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> Result<T, Fault> {
        let answer = ask(self.port, command).await;
        answer.map_err(|error| format!("{}: {error}", command.join(" ")).into())
    }

    /// What it says of itself as a part of a pair.
    pub(super) async fn replication(&self, name: &str) -> Result<String, Fault> {
        let info: String = self.ask(&["INFO", "replication"]).await?;
        let value = field(&info, name).map(str::to_owned);
        value.ok_or_else(|| format!("Redis does not tell its {name}").into())
    }

    /// How far it has come, as a primary or as a replica.
    pub(super) async fn offset(&self) -> Result<u64, Fault> {
        let name = match self.replication("role").await?.as_str() {
            "master" => "master_repl_offset",
            _ => "slave_repl_offset",
        };
        Ok(self.replication(name).await?.parse()?)
    }

    /// Copies the server behind this port, until it is as far as that one was.
    pub(super) async fn follow(&self, port: u16) -> Result<(), Fault> {
        let () = self.ask(&["REPLICAOF", "127.0.0.1", &port.to_string()]).await?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.replication("master_link_status").await? == "up" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err("the replica does not copy its primary".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.kill();
    }
}

async fn ask<T: FromRedisValue>(port: u16, command: &[&str]) -> RedisResult<T> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(Some(ANSWER));
    let client = Client::open(format!("redis://127.0.0.1:{port}"))?;
    let mut connection: MultiplexedConnection =
        client.get_multiplexed_async_connection_with_config(&config).await?;
    let mut asked = redis::Cmd::new();
    command.iter().for_each(|word| {
        asked.arg(*word);
    });
    asked.query_async(&mut connection).await
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let fields = info.lines().filter_map(|line| line.trim_end().split_once(':'));
    fields.into_iter().find_map(|(field, value)| (field == name).then_some(value))
}
