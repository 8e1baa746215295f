//! Named points in every step of the protocols, at which a process kills itself or stalls.
//!
//! The runtime has no hooks for this: its ports are the points, and decorators pass them.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cache_rig::clock::{MS, now};
use cache_rig::death::{die, die_during};
use rand::Rng as _;

/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Statement,
    Fence,
    Commit,
    Renew,
    Lift,
    Invalidate,
    Lease,
    Load,
    Fill,
    /// A plain read of the store. Nobody is killed there, as nothing is under way.
    Get,
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
pub(crate) struct Point(pub(crate) Step, pub(crate) When);

const STEPS: [(Step, &str); 10] = [
    (Step::Begin, "begin"),
    (Step::Statement, "statement"),
    (Step::Fence, "fence"),
    (Step::Commit, "commit"),
    (Step::Renew, "renew"),
    (Step::Lift, "lift"),
    (Step::Invalidate, "invalidate"),
    (Step::Lease, "lease"),
    (Step::Load, "load"),
    (Step::Fill, "fill"),
];
const WHENS: [(When, &str); 3] =
    [(When::Before, "before"), (When::During, "during"), (When::After, "after")];

impl Point {
    /// Every point: those of a write in its order, then those of a miss.
    pub(crate) fn all() -> Vec<Self> {
        STEPS.iter().flat_map(|(step, _)| WHENS.map(|(when, _)| Self(*step, when))).collect()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = STEPS.iter().find(|(step, _)| *step == self.0).map_or("get", |(_, name)| name);
        let when = WHENS.iter().find(|(when, _)| *when == self.1).map_or("", |(_, name)| name);
        write!(f, "{step}:{when}")
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::all().into_iter().find(|point| point.to_string() == text);
        known.ok_or_else(|| format!("`{text}` is not a point"))
    }
}

/// The points of this process.
pub(crate) struct Failpoints {
    /// Where to die, and from when on.
    doom: Option<(Point, u64)>,
    testament: PathBuf,
    /// How long a COMMIT has to take for its fence to be renewed.
    slow: Duration,
}

impl Failpoints {
    /// `doom` is where to die, after so many milliseconds.
    pub(crate) fn new(testament: PathBuf, doom: Option<(Point, u64)>, slow: Duration) -> Arc<Self> {
        let doom = doom.map(|(point, after)| (point, now() + after * MS));
        Arc::new(Self { doom, testament, slow })
    }

    /// Runs a call of a port.
    pub(crate) async fn around<T>(&self, step: Step, call: impl Future<Output = T>) -> T {
        self.pass(Point(step, When::Before));
        stall(step).await;
        let answer = match self.is_due(Point(step, When::During)) {
            true => die_during(&self.testament, Point(step, When::During).to_string(), call).await,
            false => call.await,
        };
        stall(step).await;
        self.pass(Point(step, When::After));
        answer
    }

    /// How long a COMMIT that is about to be sent must wait: a slow one has its fence renewed.
    pub(crate) fn delay_of_commit(&self) -> Option<Duration> {
        let needed = matches!(self.doom, Some((Point(Step::Renew, _), from)) if now() >= from);
        (needed || rand::rng().random_ratio(1, 2000)).then_some(self.slow)
    }

    fn is_due(&self, point: Point) -> bool {
        self.doom.is_some_and(|(doom, from)| doom == point && now() >= from)
    }

    fn pass(&self, point: Point) {
        if self.is_due(point) {
            die(&self.testament, &point.to_string());
        }
    }
}

/// Now and then a call is held up, as on a busy machine, so that others overtake it. Plain reads
/// of the store less often than what takes part in a write or a fill.
async fn stall(step: Step) {
    let one_in = if step == Step::Get { 2000 } else { 60 };
    let pause = {
        let mut random = rand::rng();
        match random.random_range(0..one_in * 10) {
            0 => random.random_range(10..60),
            1..10 => random.random_range(1..6),
            _ => return,
        }
    };
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_can_be_named() {
        let all = Point::all();
        assert_eq!(all.len(), 30);
        for point in all {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert!("commit".parse::<Point>().is_err());
    }
}
