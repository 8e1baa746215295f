//! Holds a history to what its mode promises.
//!
//! The commits are in one order. A read is *at* a commit if what it gave is what that commit
//! left, and the commit came before the read ended; it is allowed at any that is not before what
//! the promise says it must have seen.

use std::time::Duration;

use crate::history::{Answer, Commit, Deed, History, Read, Register, Told, Write};
use crate::mode::Mode;

/// Everybody.
const ALL: usize = usize::MAX;
/// Everybody, for as long as nothing has failed.
const WHILE_WELL: usize = usize::MAX - 1;

/// The first thing that breaks a promise.
pub fn check(mode: Mode, history: &History) -> Result<(), String> {
    if let Some(fault) = history.faults.first() {
        return Err(fault.clone());
    }
    nothing_comes_again(&history.commits)?;
    let done = history
        .writes
        .iter()
        .map(|write| effects(write, &history.commits))
        .collect::<Result<Vec<_>, _>>()?;
    let mut acknowledged: Vec<Effect> = done.into_iter().flatten().collect();
    acknowledged.extend(heard_of(history));
    if mode.is_strict() {
        strict(history, &acknowledged)
    } else {
        eventual(history, &acknowledged, Duration::from_secs(mode.oldest()))
    }
}

/// What was replaced is gone for good: a flush of pending writes leaves what they had made of the rows.
fn nothing_comes_again(commits: &[Commit]) -> Result<(), String> {
    let rows = commits.iter().flat_map(|commit| &commit.tables.rows);
    let mut ids: Vec<i64> = rows.map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    for register in ids.into_iter().map(Register::Key) {
        let mut gone: Vec<i64> = Vec::new();
        let mut present = None;
        for (at, commit) in commits.iter().enumerate() {
            let number = register.of(&commit.tables).number();
            if number == present {
                continue;
            }
            gone.extend(present);
            if number.is_some_and(|number| gone.contains(&number)) {
                return Err(format!("{register} had {number:?} before, and commit {at} again"));
            }
            present = number;
        }
    }
    Ok(())
}

/// A register that an acknowledged write changed, and by which commit.
struct Effect {
    register: Register,
    commit: usize,
    process: usize,
    acknowledged: u64,
}

/// What others changed, and all processes must see: when all that was told of it has been taken;
/// and while nothing fails, of a row from when its entry was first removed.
fn heard_of(history: &History) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (commit, ended) in history.commits.iter().enumerate().skip(1) {
        let of = |told: &&Told| told.transaction == ended.transaction;
        let events: Vec<&Told> = history.told.iter().filter(of).collect();
        let taken = events.iter().map(|told| told.taken).collect::<Option<Vec<u64>>>();
        if let Some(taken) = taken.and_then(|taken| taken.into_iter().max()) {
            let (acknowledged, process) = (taken.max(ended.at.tick), ALL);
            let changed = changed_by(commit, &history.commits).into_iter();
            effects.extend(changed.map(|register| Effect {
                register,
                commit,
                process,
                acknowledged,
            }));
        }
        for told in events {
            if let (Some(heard), Some((row, _))) = (told.heard, &told.row) {
                let register = Register::Key(*row);
                let acknowledged = heard.max(ended.at.tick);
                effects.push(Effect { register, commit, process: WHILE_WELL, acknowledged });
            }
        }
    }
    effects
}

/// What a write changed, and whether it did what its writer was told.
fn effects(write: &Write, commits: &[Commit]) -> Result<Vec<Effect>, String> {
    let mut effects = Vec::new();
    for (at, deed) in write.deeds.iter().enumerate() {
        if write.told == Answer::Refused {
            if let Deed::Set { of, number, .. } = deed
                && let Some(commit) = set_by(commits, of, *number)
            {
                return Err(format!("{deed:?} was refused, but commit {commit} holds it"));
            }
            continue;
        }
        // What the same transaction did after it may hide it.
        let is_hidden = write.deeds[at + 1..].iter().any(|later| later.of() == deed.of());
        if write.told == Answer::Unknown || is_hidden {
            continue;
        }
        let commit = match deed {
            Deed::Set { of, number, based } => {
                let Some(commit) = set_by(commits, of, *number) else {
                    return Err(format!("{deed:?} was acknowledged, but no commit holds it"));
                };
                let before = of.of(&commits[commit - 1].tables);
                if based.is_some() && before.number() != *based {
                    return Err(format!("{deed:?} overwrote {before:?}"));
                }
                commit
            }
            Deed::Gone { of, number } => {
                let Some(there) = set_by(commits, of, *number) else { continue };
                let Some(gone) = superseded(commits, of, there) else {
                    return Err(format!("{deed:?} was acknowledged, but the row is there"));
                };
                gone
            }
        };
        let (process, acknowledged) = (write.process, write.ended.tick);
        let changed = changed_by(commit, commits).into_iter();
        effects.extend(changed.map(|register| Effect { register, commit, process, acknowledged }));
    }
    Ok(effects)
}

/// What a commit has changed.
fn changed_by(commit: usize, commits: &[Commit]) -> Vec<Register> {
    let (before, after) = (&commits[commit - 1].tables, &commits[commit].tables);
    let mut changed: Vec<Register> = Vec::new();
    let mut note = |register: Register| {
        if register.of(before) != register.of(after) && !changed.contains(&register) {
            changed.push(register);
        }
    };
    for row in before.rows.iter().chain(&after.rows) {
        note(Register::Email(row.email.clone()));
        note(Register::Key(row.id));
    }
    for item in before.items.iter().chain(&after.items) {
        note(Register::Item(item.id));
        note(Register::Items(item.account));
    }
    changed
}

/// The commit that gave this row this number.
fn set_by(commits: &[Commit], of: &Register, number: i64) -> Option<usize> {
    commits.iter().position(|commit| of.of(&commit.tables).number() == Some(number))
}

/// The commit that replaced what the register held at this one.
fn superseded(commits: &[Commit], register: &Register, at: usize) -> Option<usize> {
    let value = register.of(&commits[at].tables);
    (at + 1..commits.len()).find(|next| register.of(&commits[*next].tables) != value)
}

/// The first commit, not before `least`, at which the read is.
fn place(read: &Read, commits: &[Commit], least: usize) -> Option<usize> {
    (least..commits.len()).find(|at| is_at(read, &commits[*at]))
}

fn is_at(read: &Read, commit: &Commit) -> bool {
    commit.at.tick < read.ended.tick && read.register.of(&commit.tables) == read.value.held()
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
    let mut reads: Vec<(usize, &Read)> = history.reads.iter().enumerate().collect();
    reads.sort_by_key(|(_, read)| read.ended.tick);
    // Each as early as can be: that leaves the most room for those after it.
    let mut placed: Vec<(usize, &Read, usize)> = Vec::new();
    for (number, read) in reads {
        let written = seen(read, acknowledged.iter());
        let earlier = placed.iter().filter(|(number, other, _)| {
            let before = other.register == read.register && other.ended.tick < read.began.tick;
            before || read.root == Some(*number)
        });
        let least = earlier.map(|(_, _, at)| *at).max().unwrap_or(0).max(written);
        match place(read, &history.commits, least) {
            Some(at) => placed.push((number, read, at)),
            None => return Err(broken(read, &history.commits, least)),
        }
    }
    Ok(())
}

/// Nothing older than the ttl, or the bound, and nothing older than what was acknowledged: in every process
/// while the store answers, in the writer's own process always. No members from before their root.
fn eventual(history: &History, acknowledged: &[Effect], oldest: Duration) -> Result<(), String> {
    let mut placed = Vec::with_capacity(history.reads.len());
    for read in &history.reads {
        let answers = history.store_failed.is_none_or(|failed| read.ended.tick < failed);
        let well = answers && history.suffered.is_none_or(|suffered| read.ended.tick < suffered);
        let bound = |effect: &&Effect| match effect.process {
            ALL => true,
            WHILE_WELL => well,
            process => answers || process == read.process,
        };
        let root = read.root.map_or(0, |root: usize| placed[root]);
        let least = seen(read, acknowledged.iter().filter(bound)).max(root);
        let fresh = |at: &usize| {
            superseded(&history.commits, &read.register, *at).is_none_or(|next| {
                read.began.time.saturating_sub(history.commits[next].at.time) <= oldest
            })
        };
        let mut places =
            (least..history.commits.len()).filter(|at| is_at(read, &history.commits[*at]));
        match places.find(fresh) {
            Some(at) => placed.push(at),
            None => return Err(broken(read, &history.commits, least)),
        }
    }
    Ok(())
}

fn broken(read: &Read, commits: &[Commit], least: usize) -> String {
    let Read { process, register, value, began, ended, root } = read;
    let held: Vec<_> =
        commits.iter().map(|commit| (register.of(&commit.tables).show(), commit.at.time)).collect();
    let with = root.map(|_| ", with its root,").unwrap_or_default();
    format!(
        "process {process} read {register}{with} = {} between {:?} and {:?}; it held {held:?}, and \
         commit {least} had to be seen",
        value.held().show(),
        began.time,
        ended.time
    )
}
