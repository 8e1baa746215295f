//! A writer dies when its write has committed and the cache has not heard of it.

use std::time::{Duration, Instant};

use rand::Rng as _;

use crate::Fault;
use crate::outages::rig::Rig;
use crate::register::PROCESSES;

const REST: Duration = Duration::from_millis(400);
/// How long a process may take to write, on a busy machine and from its start.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        let process = rand::rng().random_range(0..PROCESSES);
        let (life, begun) = (rig.processes.life(process), Instant::now());
        rig.processes.doom(process)?;
        while rig.processes.life(process) == life && rig.found.is_empty() {
            if begun.elapsed() > PATIENCE {
                return Err("a writer that was to be killed has not written".into());
            }
            rig.wait(Duration::from_millis(20)).await?;
        }
        strikes += 1;
        if !rig.again(REST, until).await? {
            return Ok(strikes);
        }
    }
}
