//! Redis stops where it is, with all connections open, and later goes on.

use std::time::{Duration, Instant};

use rand::Rng as _;
use rustix::process::Signal;
use tokio::time::timeout;

use crate::Fault;
use crate::outages::rig::Rig;

/// For how long it is made sure that nothing answers.
const DEAF: Duration = Duration::from_secs(1);
const REST: Duration = Duration::from_millis(800);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        rig.pair.primary().signal(Signal::STOP)?;
        let answer = timeout(DEAF, rig.pair.primary().ask::<String>(&["PING"])).await;
        let stop = Duration::from_millis(rand::rng().random_range(0..2000));
        // It goes on also where the rig fails.
        let waited = rig.wait(stop).await;
        rig.pair.primary().signal(Signal::CONT)?;
        waited?;
        if matches!(answer, Ok(Ok(_))) {
            return Err("a Redis that was stopped has answered".into());
        }
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
    }
}
