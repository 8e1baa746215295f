//! Redis is killed, and is empty when it comes back.

use std::time::{Duration, Instant};

use crate::Fault;
use crate::outages::rig::Rig;

/// How long it is away.
const AWAY: Duration = Duration::from_millis(700);
const REST: Duration = Duration::from_millis(1300);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        rig.pair.primary_mut().kill()?;
        rig.wait(AWAY).await?;
        rig.pair.primary_mut().run().await?;
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
    }
}
