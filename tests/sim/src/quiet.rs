//! Learning that nothing can run: the moment at which the scheduler decides what happens next.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use tokio::runtime::{Builder, Runtime};

/// Woken when the runtime is about to park its thread, which it does only when no task is left
/// to run.
#[derive(Clone, Default)]
pub struct Quiet(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: Option<Waker>,
    reached: bool,
}

impl Quiet {
    /// A runtime of the present thread, and its quiet. With `real`, tasks may also wait for the
    /// machine's sockets and clock.
    pub fn runtime(real: bool) -> (Runtime, Self) {
        let quiet = Self::default();
        let hook = quiet.clone();
        let mut builder = Builder::new_current_thread();
        builder.on_thread_park(move || hook.parking());
        if real {
            builder.enable_all();
        }
        (builder.build().unwrap(), quiet)
    }

    fn parking(&self) {
        let mut state = self.0.lock().unwrap();
        if let Some(waker) = state.waiting.take() {
            state.reached = true;
            drop(state);
            waker.wake();
        }
    }

    /// Waits until no task can run. For the root future alone.
    pub async fn reached(&self) {
        self.0.lock().unwrap().reached = false;
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            if state.reached {
                return Poll::Ready(());
            }
            state.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
