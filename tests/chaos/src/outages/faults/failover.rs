//! The primary is killed while its replica is behind; the replica is promoted, and has what was
//! removed from the primary.

use std::time::{Duration, Instant};

use crate::Fault;
use crate::outages::rig::Rig;
use crate::register::PROCESSES;

/// How far behind: long enough for the relay to have told the primary of some writes, and shorter than
/// the life of the watermarks that the replica has.
const BEHIND: Duration = Duration::from_millis(550);
const REST: Duration = Duration::from_millis(1500);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        rig.pair.link.hold(true);
        rig.wait(BEHIND).await?;
        let ahead = rig.pair.primary().offset().await?;
        let behind = rig.pair.replica().offset().await?;
        if behind >= ahead {
            return Err(format!("the replica is at {behind}, and not behind {ahead}").into());
        }
        rig.pair.primary_mut().kill()?;
        rig.pair.promote().await?;
        rig.pair.lead(0..PROCESSES);
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
        rig.pair.mend().await?;
    }
}
