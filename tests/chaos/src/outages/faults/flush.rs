//! Somebody empties Redis.

use std::time::{Duration, Instant};

use crate::Fault;
use crate::outages::rig::Rig;

const REST: Duration = Duration::from_secs(2);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        let keys: u64 = rig.pair.primary().ask(&["DBSIZE"]).await?;
        if keys == 0 {
            return Err("FLUSHALL has nothing to remove".into());
        }
        let () = rig.pair.primary().ask(&["FLUSHALL"]).await?;
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
    }
}
