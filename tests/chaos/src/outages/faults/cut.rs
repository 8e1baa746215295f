//! All connections to Redis are cut, again and again, with what is on the way.

use std::time::{Duration, Instant};

use rand::Rng as _;

use crate::Fault;
use crate::outages::rig::Rig;

pub(super) async fn strike(rig: &mut Rig, until: Instant) -> Result<u32, Fault> {
    let (mut strikes, mut connections) = (0, 0);
    loop {
        connections += rig.pair.doors.iter().map(|door| door.cut()).sum::<u64>();
        strikes += 1;
        let rest = Duration::from_millis(rand::rng().random_range(20..400));
        if !rig.again(rest, until).await? {
            break;
        }
    }
    match connections {
        0 => Err("there was no connection to cut".into()),
        _ => Ok(strikes),
    }
}
