//! A clock that all processes of one machine share, and that never steps.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment before the run, the same for every process.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// A millisecond.
pub const MS: u64 = 1_000_000;
