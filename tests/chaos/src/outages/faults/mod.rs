//! The faults, a file each. Every one makes sure that it has struck: one that does nothing shows
//! nothing.

mod flush;
mod writer_killed;

use std::time::Instant;

use super::rig::Rig;
use crate::Fault;

/// What is done to the servers, or to the processes.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    /// A writer is killed between its commit and its invalidation.
    WriterKilled,
    /// FLUSHALL.
    Flush,
}

impl Outage {
    pub(super) const ALL: [Self; 2] = [Self::WriterKilled, Self::Flush];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::WriterKilled => "writer-killed",
            Self::Flush => "flush",
        }
    }

    /// Strikes once at least, and again until then. It ends with the last strike. Gives how many
    /// there were.
    pub(super) async fn strike(self, rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
        match self {
            Self::WriterKilled => writer_killed::strike(rig, until).await,
            Self::Flush => flush::strike(rig, until).await,
        }
    }
}
