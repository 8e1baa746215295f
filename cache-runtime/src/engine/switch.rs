//! The kill switch. Off: reads go to the database and nothing is filled.
//! Writes still invalidate, so that switching on again serves nothing stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const ON: u8 = 0;
const OFF: u8 = 1;
/// Off for good: the cache is being shut down.
const CLOSED: u8 = 2;

/// One switch: everything's, or one model's on top of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch {
    state: Arc<AtomicU8>,
    parent: Option<Arc<AtomicU8>>,
}

impl Switch {
    /// A switch that is off also when this one is.
    pub(crate) fn child(&self) -> Self {
        Self { state: Arc::default(), parent: Some(self.state.clone()) }
    }

    pub(crate) fn set(&self, off: bool) {
        let (from, to) = if off { (ON, OFF) } else { (OFF, ON) };
        // Of no effect where it is so already, or closed.
        let _ = self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Off, and never on again.
    pub(crate) fn close(&self) {
        self.state.store(CLOSED, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CLOSED
    }

    pub(crate) fn is_off(&self) -> bool {
        self.state.load(Ordering::Relaxed) != ON
            || self.parent.as_ref().is_some_and(|parent| parent.load(Ordering::Relaxed) != ON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_switch_stays_off() {
        let (all, model) = (Switch::default(), Switch::default().child());
        model.set(true);
        model.set(false);
        assert!(!model.is_off());
        let child = all.child();
        all.close();
        all.set(false);
        child.set(false);
        assert!(all.is_off() && child.is_off());
    }
}
