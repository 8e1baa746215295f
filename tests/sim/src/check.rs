//! Holds a history to what its mode promises.
//!
//! The commits are in one order. A read is *at* a commit if what it gave is what that commit
//! left, and the commit came before the read ended; it is allowed at any that is not before what
//! the promise says it must have seen.

use std::time::Duration;

use crate::history::{Commit, Deed, History, Read, Register, Told, Write};
use crate::mode::Mode;

/// The first thing that breaks a promise.
pub fn check(mode: Mode, history: &History) -> Result<(), String> {
    if let Some(fault) = history.faults.first() {
        return Err(fault.clone());
    }
    let done = history
        .writes
        .iter()
        .map(|write| effects(write, &history.commits))
        .collect::<Result<Vec<_>, _>>()?;
    let acknowledged: Vec<Effect> = done.into_iter().flatten().collect();
    if mode.is_strict() {
        strict(history, &acknowledged)
    } else {
        eventual(history, &acknowledged, Duration::from_secs(mode.oldest()))
    }
}

/// A register that an acknowledged write changed, and by which commit.
struct Effect {
    register: Register,
    commit: usize,
    process: usize,
    acknowledged: u64,
}

/// What a write changed, and whether it did what its writer was told.
fn effects(write: &Write, commits: &[Commit]) -> Result<Vec<Effect>, String> {
    let mut effects = Vec::new();
    for (at, deed) in write.deeds.iter().enumerate() {
        let id = id_of(deed);
        if write.told == Told::Refused {
            if let Deed::Set { balance, .. } = deed
                && let Some(commit) = set_by(commits, id, *balance)
            {
                return Err(format!("{deed:?} was refused, but commit {commit} holds it"));
            }
            continue;
        }
        // What the same transaction did after it may hide it.
        if write.told == Told::Unknown || write.deeds[at + 1..].iter().any(|d| id_of(d) == id) {
            continue;
        }
        let commit = match deed {
            Deed::Set { balance, based, .. } => {
                let Some(commit) = set_by(commits, id, *balance) else {
                    return Err(format!("{deed:?} was acknowledged, but no commit holds it"));
                };
                let before = Register::Key(id).of(&commits[commit - 1].rows);
                if let Some(based) = based
                    && before.map(|row| row.balance) != Some(*based)
                {
                    return Err(format!("{deed:?} overwrote {before:?}"));
                }
                commit
            }
            Deed::Gone { balance, .. } => {
                let Some(there) = set_by(commits, id, *balance) else { continue };
                let Some(gone) = superseded(commits, &Register::Key(id), there) else {
                    return Err(format!("{deed:?} was acknowledged, but the row is there"));
                };
                gone
            }
        };
        let (before, after) = (&commits[commit - 1].rows, &commits[commit].rows);
        let emails = before.iter().chain(after).map(|row| Register::Email(row.email.clone()));
        for register in emails.chain([Register::Key(id)]) {
            if register.of(before) != register.of(after) {
                let (process, acknowledged) = (write.process, write.ended.tick);
                effects.push(Effect { register, commit, process, acknowledged });
            }
        }
    }
    Ok(effects)
}

fn id_of(deed: &Deed) -> i64 {
    match deed {
        Deed::Set { id, .. } | Deed::Gone { id, .. } => *id,
    }
}

/// The commit that gave this row this balance.
fn set_by(commits: &[Commit], id: i64, balance: i64) -> Option<usize> {
    let holds = |commit: &Commit| {
        Register::Key(id).of(&commit.rows).is_some_and(|row| row.balance == balance)
    };
    commits.iter().position(holds)
}

/// The commit that replaced what the register held at this one.
fn superseded(commits: &[Commit], register: &Register, at: usize) -> Option<usize> {
    let value = register.of(&commits[at].rows);
    (at + 1..commits.len()).find(|next| register.of(&commits[*next].rows) != value)
}

/// The first commit, not before `least`, at which the read is.
fn place(read: &Read, commits: &[Commit], least: usize) -> Option<usize> {
    (least..commits.len()).find(|at| is_at(read, &commits[*at]))
}

fn is_at(read: &Read, commit: &Commit) -> bool {
    commit.at.tick < read.ended.tick && read.register.of(&commit.rows) == read.value.as_ref()
}

/// The last commit of those that the read must have seen.
fn seen<'a>(read: &Read, effects: impl Iterator<Item = &'a Effect>) -> usize {
    let before = |effect: &&Effect| {
        effect.register == read.register && effect.acknowledged < read.began.tick
    };
    effects.filter(before).map(|effect| effect.commit).max().unwrap_or(0)
}

/// No read gives anything older than what was acknowledged, or read, before it began.
fn strict(history: &History, acknowledged: &[Effect]) -> Result<(), String> {
    let mut reads: Vec<&Read> = history.reads.iter().collect();
    reads.sort_by_key(|read| read.ended.tick);
    // Each as early as can be: that leaves the most room for those after it.
    let mut placed: Vec<(&Read, usize)> = Vec::new();
    for read in reads {
        let written = seen(read, acknowledged.iter());
        let earlier = placed.iter().filter(|(other, _)| {
            other.register == read.register && other.ended.tick < read.began.tick
        });
        let least = earlier.map(|(_, at)| *at).max().unwrap_or(0).max(written);
        match place(read, &history.commits, least) {
            Some(at) => placed.push((read, at)),
            None => return Err(broken(read, &history.commits, least)),
        }
    }
    Ok(())
}

/// Nothing older than the ttl, or the bound, and nothing older than what was acknowledged: in every process
/// while the store answers, in the writer's own process always.
fn eventual(history: &History, acknowledged: &[Effect], oldest: Duration) -> Result<(), String> {
    for read in &history.reads {
        let answers = history.store_failed.is_none_or(|failed| read.ended.tick < failed);
        let bound = |effect: &&Effect| answers || effect.process == read.process;
        let least = seen(read, acknowledged.iter().filter(bound));
        let fresh = |at: &usize| {
            superseded(&history.commits, &read.register, *at).is_none_or(|next| {
                read.began.time.saturating_sub(history.commits[next].at.time) <= oldest
            })
        };
        let mut places =
            (least..history.commits.len()).filter(|at| is_at(read, &history.commits[*at]));
        if !places.any(|at| fresh(&at)) {
            return Err(broken(read, &history.commits, least));
        }
    }
    Ok(())
}

fn broken(read: &Read, commits: &[Commit], least: usize) -> String {
    let Read { process, register, value, began, ended } = read;
    let value = value.as_ref().map(|row| (row.balance, &row.email));
    let held: Vec<_> = commits
        .iter()
        .map(|commit| (register.of(&commit.rows).map(|row| row.balance), commit.at.time))
        .collect();
    format!(
        "process {process} read {register} = {value:?} between {:?} and {:?}; it held {held:?}, \
         and commit {least} had to be seen",
        began.time, ended.time
    )
}
