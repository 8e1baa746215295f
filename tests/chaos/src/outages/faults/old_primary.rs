//! The replica is promoted and the primary lives on: half of the processes go over, the others stay.

use std::time::{Duration, Instant};

use crate::Fault;
use crate::outages::rig::Rig;
use crate::outages::tables::BOUND;
use crate::register::PROCESSES;

/// How long both stand: until no watermark is left that was set when there was one.
const BOTH: Duration = Duration::from_millis(1500);
const REST: Duration = Duration::from_secs(1);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        rig.pair.promote().await?;
        // Now these, now those: the relay may be led from either side.
        rig.pair.lead((0..PROCESSES).filter(|process| process % 2 == strikes as usize % 2));
        for server in [rig.pair.primary(), rig.pair.replica()] {
            if server.replication("role").await? != "master" {
                return Err("there are not two primaries".into());
            }
        }
        rig.wait(BOUND + BOTH).await?;
        rig.pair.lead(0..PROCESSES);
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
        rig.pair.mend().await?;
    }
}
