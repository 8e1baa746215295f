//! Time and chance, as the scheduler has them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::ports::{BoxFuture, Clock, Tokens};
use cache_runtime::{Moment, Token};

use crate::scheduler::{Dice, Kind, Sim};

pub struct SimClock {
    pub sim: Sim,
    pub process: usize,
}

impl Clock for SimClock {
    fn now(&self) -> Moment {
        Moment(self.sim.now())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let until = self.sim.now().saturating_add(duration);
            self.sim.ask(self.process, Kind::Sleep(until)).await;
        })
    }
}

/// Tokens that look random, and are the same for the same seed.
pub struct SimTokens {
    seed: u64,
    next: AtomicU64,
}

impl SimTokens {
    pub fn new(seed: u64, process: usize) -> Self {
        Self { seed: seed ^ ((process as u64 + 1) << 56), next: AtomicU64::new(0) }
    }
}

impl Tokens for SimTokens {
    fn token(&self) -> Token {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut dice =
            Dice::new(self.seed.wrapping_add(number.wrapping_mul(0x1234_5678_9abc_def1)));
        Token(u128::from(dice.next()) << 64 | u128::from(dice.next()))
    }
}
