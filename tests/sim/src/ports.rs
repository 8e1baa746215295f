//! Time and chance of the simulation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::ports::{BoxFuture, Clock, Tokens};
use cache_runtime::{Moment, Token};

use crate::rng::Rng;
use crate::world::World;

/// The time that all processes of a world share. It moves only when the scheduler says so.
#[derive(Clone, Default)]
pub struct Time(Arc<AtomicU64>);

impl Time {
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, now: Duration) {
        self.0.store(now.as_nanos() as u64, Ordering::Relaxed);
    }
}

/// The clock of the store.
impl Clock for Time {
    fn now(&self) -> Moment {
        Moment(Time::now(self))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        unreachable!("a store does not sleep")
    }
}

/// The clock of one process: a sleep is something that the scheduler ends.
pub struct SimClock {
    pub world: Arc<World>,
    pub process: usize,
}

impl Clock for SimClock {
    fn now(&self) -> Moment {
        Moment(self.world.time.now())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        let asleep = self.world.sleep(self.process, duration);
        Box::pin(asleep)
    }
}

/// Tokens that a seed decides. That the real ones never come again is shown elsewhere.
pub struct SimTokens {
    seed: u64,
    drawn: AtomicU64,
}

impl SimTokens {
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Tokens for SimTokens {
    fn token(&self) -> Token {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut rng = Rng::new(self.seed.rotate_left(32) ^ drawn);
        Token(u128::from(rng.next()) << 64 | u128::from(rng.next()))
    }
}
