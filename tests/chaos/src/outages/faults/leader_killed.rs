//! A process dies that leads the relay of a table; another has to take over.

use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;

use crate::Fault;
use crate::outages::rig::Rig;
use crate::outages::tables::BOUND;

/// The lease of a relay is as long as the bound here, and until it ends nobody leads.
const REST: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let mut strikes = 0;
    loop {
        let begun = Instant::now();
        let leader = loop {
            let leaders = rig.journal.leaders().await?;
            if let Some(leader) = leaders.choose(&mut rand::rng()) {
                break *leader;
            }
            if begun.elapsed() > PATIENCE {
                return Err("nobody leads a relay".into());
            }
            rig.wait(Duration::from_millis(20)).await?;
        };
        rig.processes.kill(leader)?;
        strikes += 1;
        if !rig.again(BOUND + REST, until).await? {
            return Ok(strikes);
        }
    }
}
