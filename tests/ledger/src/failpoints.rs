//! Named points in every step of enqueueing and of flushing, at which a process kills itself.
//!
//! The runtime has no hooks for this: its ports are the points, and decorators pass them. An
//! application's process only enqueues, and a flusher's only flushes, so that the same call of a port
//! is one step here and another there.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use cache_rig::clock::{MS, now};
use cache_rig::death::{die, die_during};

/// What a process does.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Enqueues, and reads.
    App,
    /// Flushes, and reads.
    Flusher,
    /// Looks after parked writes. It is not killed.
    Steward,
}

/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Begin,
    /// A statement that reads the runtime's own tables: locks heads, or claims.
    Numbers,
    /// One that takes pending writes.
    Pending,
    /// One that returns nothing: it changes the runtime's own tables.
    Own,
    /// One on the model's table.
    Rows,
    Save,
    Commit,
    Fence,
    Lift,
}

/// A place in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    /// Sent, and not answered.
    During,
    After,
}

/// Where a process can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    role: Role,
    call: Call,
    pub(crate) when: When,
}

const STEPS: [(Role, Call, &str); 15] = [
    (Role::App, Call::Begin, "enqueue-begin"),
    (Role::App, Call::Numbers, "enqueue-heads"),
    (Role::App, Call::Own, "enqueue-persist"),
    (Role::App, Call::Fence, "enqueue-fence"),
    (Role::App, Call::Commit, "enqueue-commit"),
    (Role::App, Call::Lift, "enqueue-lift"),
    (Role::Flusher, Call::Begin, "flush-begin"),
    (Role::Flusher, Call::Numbers, "flush-claim"),
    (Role::Flusher, Call::Pending, "flush-take"),
    (Role::Flusher, Call::Rows, "flush-write"),
    (Role::Flusher, Call::Own, "flush-remove"),
    (Role::Flusher, Call::Commit, "flush-commit"),
    (Role::Flusher, Call::Save, "park-save"),
    (Role::Flusher, Call::Fence, "park-fence"),
    (Role::Flusher, Call::Lift, "park-lift"),
];
const WHENS: [(When, &str); 3] =
    [(When::Before, "before"), (When::During, "during"), (When::After, "after")];

impl Point {
    /// Every point of a process of this kind.
    pub(crate) fn of(role: Role) -> Vec<Self> {
        let steps = STEPS.iter().filter(|(of, ..)| *of == role);
        steps.flat_map(|(role, call, _)| WHENS.map(|(when, _)| at(*role, *call, when))).collect()
    }

    /// Its step.
    pub(crate) fn step(self) -> &'static str {
        let step = STEPS.iter().find(|(role, call, _)| (*role, *call) == (self.role, self.call));
        step.map_or("none", |(.., name)| name)
    }

    /// Whether it is one at which nothing has been sent yet where a driver sends BEGIN only with the
    /// first statement.
    pub(crate) fn is_of_begin(self) -> bool {
        (self.call, self.when) == (Call::Begin, When::During)
    }
}

fn at(role: Role, call: Call, when: When) -> Point {
    Point { role, call, when }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = WHENS.iter().find(|(when, _)| *when == self.when).map_or("", |(_, name)| name);
        write!(f, "{}:{when}", self.step())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = [Role::App, Role::Flusher].into_iter().flat_map(Self::of);
        let known = all.find(|point| point.to_string() == text);
        known.ok_or_else(|| format!("`{text}` is not a point"))
    }
}

/// The file that says that a process of this life has opened its cache.
pub(crate) fn opened(folder: &Path, life: u32) -> PathBuf {
    folder.join(format!("opened{life}"))
}

/// The points of this process.
pub(crate) struct Failpoints {
    role: Role,
    /// Where to die, and after how many milliseconds of its work.
    doom: Option<(Point, u64)>,
    /// When that began.
    begun: OnceLock<u64>,
    testament: PathBuf,
    /// Says on standard error that a COMMIT is about to be sent, for whoever traces system calls.
    pub(crate) marks: bool,
}

impl Failpoints {
    /// `doom` is where to die, so many milliseconds after [`begin`](Self::begin).
    pub(crate) fn new(
        role: Role,
        testament: PathBuf,
        doom: Option<(Point, u64)>,
        marks: bool,
    ) -> Arc<Self> {
        Arc::new(Self { role, doom, begun: OnceLock::new(), testament, marks })
    }

    /// The cache is open, and what is to be killed begins.
    pub(crate) fn begin(&self) {
        let _ = self.begun.set(now());
    }

    /// Runs a call of a port.
    pub(crate) async fn around<T>(&self, call: Call, run: impl Future<Output = T>) -> T {
        self.pass(at(self.role, call, When::Before));
        let during = at(self.role, call, When::During);
        let answer = match self.is_due(during) {
            true => die_during(&self.testament, during.to_string(), run).await,
            false => run.await,
        };
        self.pass(at(self.role, call, When::After));
        answer
    }

    fn is_due(&self, point: Point) -> bool {
        let Some((doom, after)) = self.doom else { return false };
        doom == point && self.begun.get().is_some_and(|begun| now() >= begun + after * MS)
    }

    fn pass(&self, point: Point) {
        if self.is_due(point) {
            die(&self.testament, &point.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_can_be_named() {
        let all = [Role::App, Role::Flusher].map(Point::of).concat();
        assert_eq!(all.len(), 45);
        for point in all {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert!("flush".parse::<Point>().is_err());
        assert!(Point::of(Role::Steward).is_empty());
    }
}
