//! Contract skew (anomaly 43) with an old and a new program, as processes of their own over Redis and
//! each database: a deploy, a rollback, and programs that are killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use cache_tests::account::CREATE;
use cache_tests::databases::{Mysql, Postgres, Sqlite, migration};
use cache_tests::stores::namespace;

const OLDER: &str = env!("CARGO_BIN_EXE_older");
const NEWER: &str = env!("CARGO_BIN_EXE_newer");

/// A program under way.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it; `started` waits until it may write.
    fn spawn(program: &str, url: &str, namespace: &str) -> Self {
        let mut child = Command::new(program)
            .args([url, namespace])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output) }
    }

    fn started(mut self) -> Self {
        assert_eq!(self.line(), "started");
        self
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.input, "{what}").unwrap();
        self.line()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Ends it in peace.
    fn end(mut self) {
        assert_eq!(self.ask("end"), "ended");
        self.child.wait().unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it serves all that it has.
    fn serves_all(&mut self) {
        for _ in 0..200 {
            if self.ask("withheld") == "0" {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it still withholds something");
    }
}

/// The list as the new program has it in the cache.
fn cached(newer: &mut Program, rows: usize) {
    for _ in 0..2 {
        assert_eq!(newer.ask("list"), format!("Some({rows})"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The new program beside the old one, then alone.
fn a_deploy(url: &str) {
    let namespace = namespace();
    let mut older = Program::spawn(OLDER, url, &namespace).started();
    assert_eq!(older.ask("add 1"), "added");
    let mut newer = Program::spawn(NEWER, url, &namespace).started();
    assert_eq!(newer.ask("withheld"), "1");
    cached(&mut newer, 1);
    assert_eq!(older.ask("add 2"), "added");
    assert_eq!(newer.ask("list"), "Some(2)", "it is not served yet");
    older.end();
    newer.serves_all();
    cached(&mut newer, 2);
    // Killed, the old one is live until its lease is over, and no longer.
    let mut older = Program::spawn(OLDER, url, &namespace).started();
    assert_eq!(newer.ask("withheld"), "1");
    assert_eq!(older.ask("add 3"), "added");
    older.kill();
    assert_eq!(newer.ask("withheld"), "1");
    assert_eq!(newer.ask("list"), "Some(3)");
    newer.serves_all();
    assert_eq!(newer.ask("list"), "Some(3)");
    newer.end();
}

/// The old program comes back while the new one serves.
fn a_rollback(url: &str) {
    let namespace = namespace();
    let mut newer = Program::spawn(NEWER, url, &namespace).started();
    assert_eq!(newer.ask("add 1"), "added");
    cached(&mut newer, 1);
    let mut older = Program::spawn(OLDER, url, &namespace).started();
    assert_eq!(older.ask("add 2"), "added");
    assert_eq!(newer.ask("list"), "Some(2)", "it was withdrawn before the old one wrote");
    older.end();
    newer.serves_all();
    cached(&mut newer, 2);
    newer.end();
}

/// The old program comes back while the new one stands still.
fn a_rollback_unseen(url: &str) {
    let namespace = namespace();
    let mut newer = Program::spawn(NEWER, url, &namespace).started();
    assert_eq!(newer.ask("add 1"), "added");
    assert_eq!(newer.ask("add 2"), "added");
    cached(&mut newer, 2);
    newer.signal("-STOP");
    // It is waited for until its lease is over.
    let mut older = Program::spawn(OLDER, url, &namespace).started();
    assert_eq!(older.ask("add 3"), "added");
    newer.signal("-CONT");
    assert_eq!(newer.ask("list"), "Some(3)", "its view was too old");
    // Taken for dead, it registers anew.
    let again = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        newer.ask("add 4") == "added"
    });
    assert!(again);
    assert_eq!(newer.ask("list"), "Some(4)");
    older.end();
    newer.end();
}

macro_rules! on {
    ($($name:ident: $server:ident, $url:expr, [$($case:ident),*];)*) => {$(
        mod $name {
            use super::*;

            fn server() -> $server {
                $server::with(&[CREATE, migration::<$server>("cache_contracts").up])
            }

            fn url(server: &$server) -> String {
                let url: fn(&$server) -> String = $url;
                url(server)
            }

            $(#[test]
            fn $case() {
                let server = server();
                super::$case(&url(&server));
            })*
        }
    )*};
}

// On SQLite a program that stands still in a beat would hold up the whole database.
on! {
    sqlite: Sqlite, Sqlite::path, [a_deploy, a_rollback];
    postgres: Postgres, |server| server.url().to_owned(), [a_deploy, a_rollback, a_rollback_unseen];
    mysql: Mysql, |server| server.url().to_owned(), [a_deploy, a_rollback, a_rollback_unseen];
}
