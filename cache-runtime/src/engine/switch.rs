//! The kill switch. Off: reads go to the database and nothing is filled.
//! Writes still invalidate, so that switching on again serves nothing stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One switch: everything's, or one model's on top of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch {
    off: Arc<AtomicBool>,
    parent: Option<Arc<AtomicBool>>,
}

impl Switch {
    /// A switch that is off also when this one is.
    pub(crate) fn child(&self) -> Self {
        Self { off: Arc::default(), parent: Some(self.off.clone()) }
    }

    pub(crate) fn set(&self, off: bool) {
        self.off.store(off, Ordering::SeqCst);
    }

    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
            || self.parent.as_ref().is_some_and(|parent| parent.load(Ordering::Relaxed))
    }
}
