//! Redis answers reads, and refuses what writes: it has no memory left, or too few replicas.

use std::time::{Duration, Instant};

use crate::Fault;
use crate::outages::rig::Rig;
use crate::outages::tables::BOUND;

/// How long it refuses at a time: longer than what it has may be served without the relay.
const REFUSES: Duration = Duration::from_millis(1000);
const REST: Duration = Duration::from_secs(1);
/// How soon it has to begin.
const PATIENCE: Duration = Duration::from_secs(5);

/// For want of memory.
pub(super) async fn for_memory(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        set(rig, "maxmemory-policy", "noeviction").await?;
        set(rig, "maxmemory", "1").await?;
        refuse(rig, "OOM").await?;
        set(rig, "maxmemory", "0").await?;
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
    }
}

/// For want of replicas: the only one is dead.
pub(super) async fn for_replicas(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        set(rig, "min-replicas-to-write", "1").await?;
        rig.pair.replica_mut().kill()?;
        refuse(rig, "NOREPLICAS").await?;
        rig.pair.mend().await?;
        set(rig, "min-replicas-to-write", "0").await?;
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
    }
}

async fn set(rig: &Rig, option: &str, value: &str) -> Result<(), Fault> {
    rig.pair.primary().ask(&["CONFIG", "SET", option, value]).await
}

/// Lets it refuse for this reason, as soon as it does.
async fn refuse(rig: &mut Rig, code: &str) -> Result<(), Fault> {
    let begun = Instant::now();
    loop {
        let answer = rig.pair.primary().ask::<()>(&["SET", "rig", "", "PX", "1"]).await;
        if answer.is_err_and(|error| error.to_string().contains(code)) {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("Redis does not refuse writes: no {code}").into());
        }
        rig.wait(Duration::from_millis(20)).await?;
    }
    rig.wait(BOUND + REFUSES).await
}
