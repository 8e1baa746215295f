//! A Redis of a test's own, to stop, pause and start again.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cache_runtime::Redis;
use cache_runtime::ports::Store as _;

/// A server that ends with the test.
pub struct Server {
    pub port: u16,
    options: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts one with these options beside the usual.
    pub fn start(options: &[&str]) -> Self {
        // Another process may take the port before the server does.
        for _ in 0..5 {
            let port = free_port();
            let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
            let child = spawn(port, &options);
            let mut server = Self { port, options, child };
            if server.is_ready() {
                return server;
            }
        }
        panic!("redis-server did not start");
    }

    /// Ends it at once and starts it again on the same port, empty.
    pub fn restart(&mut self) {
        self.stop();
        self.child = spawn(self.port, &self.options);
        assert!(self.is_ready(), "redis-server did not start again");
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A store on it that has been started.
    pub async fn store(&self) -> Redis {
        let store = self.patient();
        store.start().await.unwrap();
        store
    }

    /// A store on it that waits longer than a busy machine may need.
    pub fn patient(&self) -> Redis {
        Redis::url(&self.url())
            .unwrap()
            .connect_timeout(Duration::from_secs(10))
            .response_timeout(Duration::from_secs(10))
    }

    /// Runs a command over a connection of the test's own.
    pub fn ask(&self, command: &str) -> redis::Value {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            asked.arg(word);
        });
        asked.query(&mut self.connection()).unwrap()
    }

    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Stops it from running, with all it holds.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it run again.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn is_ready(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, options: &[String]) -> Child {
    Command::new(crate::redis_server())
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--dir", std::env::temp_dir().to_str().unwrap(), "--port", &port.to_string()])
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
