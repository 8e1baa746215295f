//! A clock that a test moves.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::ports::BoxFuture;
use crate::ports::clock::Clock;
use crate::values::moment::Moment;

/// A clock that stands still until it is told to go on.
///
/// Give the same to [`Builder::clock`](crate::Builder::clock), for retries, breakers and
/// deadlines, and to [`InProcess::with_clock`](crate::InProcess::with_clock), for ttls. Redis has
/// a clock of its own.
#[derive(Default)]
pub struct ManualClock(Mutex<State>);

#[derive(Default)]
struct State {
    now: Duration,
    /// Who sleeps, and until when.
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// Lets this much time pass, and wakes those whose time has come.
    pub fn advance(&self, time: Duration) {
        let mut state = self.0.lock();
        state.now = state.now.saturating_add(time);
        let now = state.now;
        for (_, sleeper) in state.sleepers.extract_if(.., |(until, _)| *until <= now) {
            // Whoever slept may be gone.
            let _ = sleeper.send(());
        }
    }

    /// How many sleep now. A test waits for this before it lets time pass for them.
    pub fn sleepers(&self) -> usize {
        let mut state = self.0.lock();
        state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
        state.sleepers.len()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment(self.0.lock().now)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        if duration.is_zero() {
            return Box::pin(async {});
        }
        let (sleeper, woken) = oneshot::channel();
        // Under one lock with the time, so that no step falls between the two.
        let mut state = self.0.lock();
        let until = state.now.saturating_add(duration);
        state.sleepers.push((until, sleeper));
        Box::pin(async move { drop(woken.await) })
    }
}
