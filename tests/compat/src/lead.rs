//! Starts a process of each build, tells them what to do, and judges the answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Fault;
use crate::models::{IDS, PROMISES, Promise};
use crate::oracle::create;

/// The least part of each build's reads that are hits while both read and write.
const FLOOR: f64 = 0.6;

pub(crate) fn lead(previous: &str, present: &str) -> Result<(), Fault> {
    let schema = format!("compat_{}", std::process::id());
    create(&schema)?;
    let mut builds =
        [Build::start("previous", previous, &schema)?, Build::start("present", present, &schema)?];
    let mut report = Report::default();
    for promise in PROMISES {
        for [one, other] in [[0, 1], [1, 0]] {
            let names = [builds[one].name, builds[other].name];
            report.tally(
                &format!("{}: {} hits what {} filled", promise.name, names[1], names[0]),
                hits_across(&mut builds, one, other, promise),
            );
            report.tally(
                &format!("{}: {} sees what {} wrote", promise.name, names[1], names[0]),
                sees_across(&mut builds, one, other, promise),
            );
        }
        report.tally(&format!("{}: both at once", promise.name), both(&mut builds, promise));
    }
    for build in &mut builds {
        build.process.kill()?;
        build.process.wait()?;
    }
    println!("{} passed, {} failed", report.passed, report.failed);
    if report.failed == 0 { Ok(()) } else { Err("the builds do not go together".into()) }
}

/// Every row and every label.
fn hits_across(
    builds: &mut [Build; 2],
    one: usize,
    other: usize,
    promise: &Promise,
) -> Result<String, Fault> {
    builds[one].ask(&format!("clear {}", promise.name))?;
    builds[one].ask(&format!("fill {}", promise.name))?;
    let Counted { hits, misses } = builds[other].ask(&format!("read {}", promise.name))?;
    // A row by its key; a label, and the row that it leads to.
    let all = 3 * (IDS.end - IDS.start).unsigned_abs();
    let good = (hits, misses) == (all, 0);
    let said = format!("{hits} hits of {all}");
    if good { Ok(said) } else { Err(said.into()) }
}

/// What both have cached is gone once one of them has written, whichever way.
fn sees_across(
    builds: &mut [Build; 2],
    one: usize,
    other: usize,
    promise: &Promise,
) -> Result<String, Fault> {
    for way in ["write", "sweep"] {
        builds[one].ask(&format!("fill {}", promise.name))?;
        builds[other].ask(&format!("fill {}", promise.name))?;
        builds[one].ask(&format!("{way} {}", promise.name))?;
        let Counted { hits, misses } = builds[other].ask(&format!("rows {}", promise.name))?;
        if promise.puts && misses > 0 {
            return Err(format!("{way}: {hits} hits and {misses} misses of what was put").into());
        }
    }
    Ok("no read went back".into())
}

fn both(builds: &mut [Build; 2], promise: &Promise) -> Result<String, Fault> {
    for (seed, build) in builds.iter_mut().enumerate() {
        build.tell(&format!("mixed {} {}", promise.name, seed + 1))?;
    }
    let answers = builds.each_mut().map(Build::listen);
    let mut said = Vec::new();
    for (build, answer) in builds.iter().zip(answers) {
        let Counted { hits, misses } =
            answer.map_err(|fault| format!("{}: {fault}", build.name))?;
        let rate = hits as f64 / (hits + misses).max(1) as f64;
        let line = format!("{} hits {rate:.2} of {}", build.name, hits + misses);
        if rate < FLOOR {
            return Err(format!("{line}, and {FLOOR} is the least").into());
        }
        said.push(line);
    }
    Ok(said.join(", "))
}

/// A process of a build.
struct Build {
    name: &'static str,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What a process counted while it did what it was told.
struct Counted {
    hits: u64,
    misses: u64,
}

impl Build {
    fn start(name: &'static str, program: &str, schema: &str) -> Result<Self, Fault> {
        let mut process = Command::new(program)
            .args(["work", schema])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|fault| format!("{program}: {fault}"))?;
        let (Some(to), Some(from)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("a process has no pipes".into());
        };
        let mut build = Self { name, process, to, from: BufReader::new(from) };
        build.listen().map_err(|fault| format!("{name} does not start: {fault}"))?;
        Ok(build)
    }

    fn ask(&mut self, line: &str) -> Result<Counted, Fault> {
        self.tell(line)?;
        self.listen().map_err(|fault| format!("{} on `{line}`: {fault}", self.name).into())
    }

    fn tell(&mut self, line: &str) -> Result<(), Fault> {
        writeln!(self.to, "{line}")?;
        self.to.flush()?;
        Ok(())
    }

    fn listen(&mut self) -> Result<Counted, Fault> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err("the process has ended".into());
        }
        let Some(counts) = line.trim_end().strip_prefix("ok") else {
            return Err(line.trim_end().into());
        };
        let mut counts = counts.split_whitespace().map(str::parse);
        let mut next = || counts.next().unwrap_or(Ok(0));
        Ok(Counted { hits: next()?, misses: next()? })
    }
}

#[derive(Default)]
struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    fn tally(&mut self, what: &str, came: Result<String, Fault>) {
        match came {
            Ok(said) => {
                self.passed += 1;
                println!("{what}: {said}");
            }
            Err(fault) => {
                self.failed += 1;
                println!("{what}: FAILED: {fault}");
            }
        }
    }
}
