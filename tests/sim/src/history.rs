//! What clients saw, held against what was committed.

use std::time::Duration;

use crate::database::Commit;

/// What a mode promises in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Reads see what was acknowledged before them, and never go back.
    Strict,
    /// Reads see what was acknowledged before them.
    ReadYourWrites,
    /// Reads are never older than the ttl.
    WithinTtl(Duration),
}

/// One read, of one key.
#[derive(Debug, Clone)]
pub struct Read {
    pub key: i64,
    pub began: u64,
    pub began_at: Duration,
    pub ended: u64,
    pub balance: Option<i64>,
    pub what: &'static str,
}

/// An acknowledged write: the key is at this balance, or was deleted.
#[derive(Debug, Clone)]
pub struct Ack {
    pub key: i64,
    pub began: u64,
    pub ended: u64,
    pub balance: Option<i64>,
}

/// The history of a schedule.
#[derive(Debug, Default)]
pub struct History {
    pub reads: Vec<Read>,
    pub acks: Vec<Ack>,
    /// What was wrong by itself: a row that does not carry the value it was found by.
    pub wrong: Vec<String>,
}

impl History {
    /// The violations of a promise, of which a sound runtime has none.
    pub fn violations(&self, commits: &[Commit], promise: Promise) -> Vec<String> {
        let mut found = self.wrong.clone();
        for read in &self.reads {
            let log: Vec<&Commit> =
                commits.iter().filter(|commit| commit.key == read.key).collect();
            // Where it may be in the log: at what was committed before it ended.
            let places: Vec<usize> = (0..log.len())
                .filter(|place| log[*place].balance == read.balance)
                .filter(|place| log[*place].step <= read.ended)
                .collect();
            let absent_at_first = read.balance.is_none();
            let newest = match places.last() {
                Some(place) => Some(*place),
                None if absent_at_first => None,
                None => {
                    found.push(format!("{}: {read:?}: never committed", read.what));
                    continue;
                }
            };
            match promise {
                Promise::Strict | Promise::ReadYourWrites => {
                    let floor = self.floor(read, &log, promise == Promise::Strict);
                    if newest < floor {
                        found.push(format!("{read:?}: older than {:?}", floor.map(|at| log[at])));
                    }
                }
                Promise::WithinTtl(ttl) => {
                    let next = newest.map_or(0, |place| place + 1);
                    if let Some(successor) = log.get(next)
                        && successor.time + ttl < read.began_at
                    {
                        found.push(format!("{read:?}: {successor:?} is older than the ttl"));
                    }
                }
            }
        }
        found
    }

    /// The place in the log that a read must have reached.
    fn floor(&self, read: &Read, log: &[&Commit], monotone: bool) -> Option<usize> {
        let acked = self.acks.iter().filter(|ack| ack.key == read.key && ack.ended < read.began);
        let acked = acked.filter_map(|ack| {
            (0..log.len())
                .find(|place| log[*place].balance == ack.balance && log[*place].step >= ack.began)
        });
        let seen = self
            .reads
            .iter()
            .filter(|other| monotone && other.key == read.key && other.ended < read.began)
            .filter_map(|other| {
                // The oldest place it can have been at.
                (0..log.len()).find(|place| log[*place].balance == other.balance)
            });
        acked.chain(seen).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits() -> Vec<Commit> {
        let commit = |step, balance| Commit {
            step,
            time: Duration::from_secs(step),
            key: 1,
            balance: Some(balance),
        };
        vec![commit(0, 10), commit(5, 20)]
    }

    fn read(began: u64, ended: u64, balance: i64) -> Read {
        let began_at = Duration::from_secs(began);
        Read { key: 1, began, began_at, ended, balance: Some(balance), what: "read" }
    }

    fn history(reads: Vec<Read>) -> History {
        let ack = Ack { key: 1, began: 3, ended: 7, balance: Some(20) };
        History { reads, acks: vec![ack], wrong: Vec::new() }
    }

    fn count(reads: Vec<Read>, promise: Promise) -> usize {
        history(reads).violations(&commits(), promise).len()
    }

    #[test]
    fn sound_histories_pass() {
        let reads = || vec![read(1, 6, 10), read(4, 6, 20), read(8, 9, 20)];
        for promise in
            [Promise::Strict, Promise::ReadYourWrites, Promise::WithinTtl(Duration::from_secs(1))]
        {
            assert_eq!(count(reads(), promise), 0, "{promise:?}");
        }
    }

    #[test]
    fn bad_histories_are_found() {
        assert_eq!(count(vec![read(8, 9, 10)], Promise::ReadYourWrites), 1, "acknowledged before");
        assert_eq!(count(vec![read(1, 4, 20)], Promise::ReadYourWrites), 1, "from the future");
        assert_eq!(count(vec![read(1, 9, 30)], Promise::ReadYourWrites), 1, "never committed");
        let back = || vec![read(4, 5, 20), read(6, 7, 10)];
        assert_eq!(count(back(), Promise::Strict), 1, "reads went back");
        assert_eq!(count(back(), Promise::ReadYourWrites), 0, "which this does not promise");
        let ttl = Promise::WithinTtl(Duration::from_secs(2));
        assert_eq!(count(vec![read(6, 9, 10)], ttl), 0);
        assert_eq!(count(vec![read(9, 9, 10)], ttl), 1, "older than the ttl");
    }
}
