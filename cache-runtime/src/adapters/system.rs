//! Time and chance of this machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::ports::BoxFuture;
use crate::ports::clock::{Clock, Tokens};
use crate::values::guard::Guard;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// The machine's monotonic clock; it sleeps on tokio's timer.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment(self.start.elapsed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Tokens from the operating system's random source.
///
/// Not from a generator in the process: its state would be copied by a `fork`
/// or a snapshot of the machine, and two processes would then hold one lease
/// (anomaly 19). A token is drawn on a miss, where a system call costs nothing
/// beside the database.
#[derive(Debug, Default)]
pub struct RandomTokens {
    /// Used only where a test has removed the guard.
    counter: AtomicU64,
}

impl Tokens for RandomTokens {
    fn token(&self) -> Token {
        if !Guard::RandomToken.stands() {
            return Token(u128::from(self.counter.fetch_add(1, Ordering::Relaxed)) + 1);
        }
        let mut bytes = [0; 16];
        match OsRng.try_fill_bytes(&mut bytes) {
            Ok(()) => Token(u128::from_le_bytes(bytes)),
            // No random source at the moment: the generator seeded from it
            // earlier is still unpredictable.
            Err(_) => Token(rand::random()),
        }
    }
}
