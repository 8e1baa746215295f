//! What befalls the servers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cache_rig::clock::{MS, now};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use crate::Fault;
use crate::observer::Observer;
use crate::register::Head;
use crate::servers::Servers;
use crate::setup::{FENCE_EXPIRY, Server};

/// How long the models' entries live.
const TTL: Duration = Duration::from_secs(2);

/// What can befall them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mishap {
    WipeRedis,
    CutRedis,
    KillRedis,
    CutDatabase,
    KillDatabase,
}

impl Mishap {
    const ALL: [Self; 5] =
        [Self::WipeRedis, Self::CutRedis, Self::KillRedis, Self::CutDatabase, Self::KillDatabase];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WipeRedis => "Redis wiped",
            Self::CutRedis => "Redis cut off",
            Self::KillRedis => "Redis killed",
            Self::CutDatabase => "database cut off",
            Self::KillDatabase => "database killed",
        }
    }

    fn is_of_database(self) -> bool {
        matches!(self, Self::CutDatabase | Self::KillDatabase)
    }
}

/// The mishaps of a run.
pub(crate) struct Mishaps {
    /// How often each has happened.
    pub(crate) counts: BTreeMap<Mishap, u64>,
    head: Head,
    next: Instant,
    pause: Duration,
}

impl Mishaps {
    /// About one in each `pause`.
    pub(crate) fn new(server: Server, head: Head, pause: Duration) -> Self {
        let all = Mishap::ALL.into_iter();
        let all = all.filter(|mishap| server != Server::Sqlite || !mishap.is_of_database());
        let counts = all.map(|mishap| (mishap, 0)).collect();
        Self { counts, head, next: Instant::now() + pause, pause }
    }

    /// The kills among them.
    pub(crate) fn kills(&self) -> u64 {
        let of = |mishap| self.counts.get(&mishap).copied().unwrap_or_default();
        of(Mishap::KillRedis) + of(Mishap::KillDatabase)
    }

    /// How often the rarest has happened.
    pub(crate) fn least(&self) -> u64 {
        self.counts.values().min().copied().unwrap_or_default()
    }

    /// Lets the rarest happen, if it is time.
    pub(crate) fn tend(&mut self, servers: &mut Servers, observer: &Observer) -> Result<(), Fault> {
        if Instant::now() < self.next {
            return Ok(());
        }
        let least = self.least();
        let rarest: Vec<Mishap> =
            self.counts.iter().filter(|(_, count)| **count == least).map(|(it, _)| *it).collect();
        let Some(mishap) = rarest.choose(&mut rand::rng()).copied() else { return Ok(()) };
        match mishap {
            Mishap::WipeRedis => self.unsettled(|| servers.tell_redis("FLUSHALL"))?,
            Mishap::KillRedis => self.unsettled(|| servers.kill_redis())?,
            Mishap::CutRedis => servers.tell_redis("CLIENT KILL TYPE normal SKIPME yes")?,
            Mishap::CutDatabase => drop(servers.cut_database()?),
            Mishap::KillDatabase => {
                let volatile = servers.place.server == Server::Mariadb;
                let head = &mut self.head;
                servers.kill_database(|| {
                    // InnoDB shows what is committed before it is on the disk: readers may have seen
                    // what nobody was told of, and what is gone now.
                    if volatile {
                        head.forget()?;
                        observer.forget();
                    }
                    Ok(())
                })?;
            }
        }
        *self.counts.entry(mishap).or_default() += 1;
        self.next = Instant::now() + self.pause.mul_f64(rand::rng().random_range(0.5..1.5));
        Ok(())
    }

    /// Where the store forgets its fences, what was read of writes that are under way is no floor, until
    /// these have ended and what was cached meanwhile is gone. What was acknowledged always is.
    fn unsettled(&mut self, mishap: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        self.head.unsettle(u64::MAX)?;
        mishap()?;
        let settling = u64::try_from((FENCE_EXPIRY + TTL).as_millis())?;
        Ok(self.head.unsettle(now() + settling * MS)?)
    }
}
