//! The faults, a file each. Every one makes sure that it has struck: one that does nothing shows
//! nothing.

mod cut;
mod failover;
mod flush;
mod leader_killed;
mod old_primary;
mod redis_killed;
mod refused;
mod stopped;
mod writer_killed;

use std::time::Instant;

use super::rig::Rig;
use crate::Fault;

/// What is done to the servers, or to the processes.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    /// A writer is killed between its commit and its invalidation.
    WriterKilled,
    /// The process that leads a relay is killed.
    LeaderKilled,
    /// Redis is killed, and started again empty.
    RedisKilled,
    /// FLUSHALL.
    Flush,
    /// The primary is killed, and a replica that is behind promoted.
    Failover,
    /// The same, and some processes stay with the old primary, which lives.
    OldPrimary,
    /// Redis is stopped, and goes on.
    Stopped,
    /// Connections are cut.
    Cut,
    /// Redis has no memory left for writes.
    NoMemory,
    /// Redis has too few replicas for writes.
    NoReplicas,
}

impl Outage {
    pub(super) const ALL: [Self; 10] = [
        Self::WriterKilled,
        Self::LeaderKilled,
        Self::RedisKilled,
        Self::Flush,
        Self::Failover,
        Self::OldPrimary,
        Self::Stopped,
        Self::Cut,
        Self::NoMemory,
        Self::NoReplicas,
    ];

    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::WriterKilled => "writer-killed",
            Self::LeaderKilled => "leader-killed",
            Self::RedisKilled => "redis-killed",
            Self::Flush => "flush",
            Self::Failover => "failover",
            Self::OldPrimary => "old-primary",
            Self::Stopped => "stopped",
            Self::Cut => "cut",
            Self::NoMemory => "no-memory",
            Self::NoReplicas => "no-replicas",
        }
    }

    /// Strikes once at least, and again until then. It ends with the last strike. Gives how many
    /// there were.
    pub(super) async fn strike(self, rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
        match self {
            Self::WriterKilled => writer_killed::strike(rig, until).await,
            Self::LeaderKilled => leader_killed::strike(rig, until).await,
            Self::RedisKilled => redis_killed::strike(rig, until).await,
            Self::Flush => flush::strike(rig, until).await,
            Self::Failover => failover::strike(rig, until).await,
            Self::OldPrimary => old_primary::strike(rig, until).await,
            Self::Stopped => stopped::strike(rig, until).await,
            Self::Cut => cut::strike(rig, until).await,
            Self::NoMemory => refused::for_memory(rig, until).await,
            Self::NoReplicas => refused::for_replicas(rig, until).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_fault_is_struck_and_can_be_named() {
        assert_eq!(Outage::value_variants(), Outage::ALL);
        for fault in Outage::ALL {
            assert_eq!(Outage::from_str(fault.name(), false), Ok(fault));
        }
    }
}
