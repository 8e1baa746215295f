//! Stores of a test's own.

use std::sync::Arc;

use cache_runtime::ports::Store;
use cache_runtime::{InProcess, Redis};

/// A namespace that no other test uses.
pub fn namespace() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Which store a case runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    InProcess,
    Redis,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::InProcess, Kind::Redis];

    pub fn name(self) -> &'static str {
        match self {
            Kind::InProcess => "in_process",
            Kind::Redis => "redis",
        }
    }

    /// A fresh store; for Redis, a connection to the one server.
    pub fn store(self) -> Arc<dyn Store> {
        match self {
            Kind::InProcess => Arc::new(InProcess::new()),
            Kind::Redis => Arc::new(Redis::url(&crate::redis_url()).unwrap()),
        }
    }
}
