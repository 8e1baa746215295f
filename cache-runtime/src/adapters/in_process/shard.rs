//! The leases and fences of one shard, all under its lock.

use std::collections::HashMap;

use super::tables::Era;
use crate::values::key::EntryKey;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// A shard with fewer leases and fences than this is not swept.
pub(super) const SWEEP_AT: usize = 64;

/// A lease that was granted.
pub(super) struct Grant {
    pub(super) token: Token,
    pub(super) at: Moment,
    pub(super) until: Moment,
    pub(super) era: Option<Era>,
    pub(super) forced: bool,
}

/// A fence that was put up.
pub(super) struct Standing {
    pub(super) token: Token,
    pub(super) at: Moment,
    pub(super) until: Moment,
    pub(super) tainted: bool,
    pub(super) era: Option<Era>,
}

/// The leases and fences of one shard.
pub(super) struct Shard {
    pub(super) grants: HashMap<EntryKey, Grant>,
    pub(super) fences: HashMap<EntryKey, Vec<Standing>>,
    /// Sweep when there are this many of both.
    sweep_at: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { grants: HashMap::new(), fences: HashMap::new(), sweep_at: SWEEP_AT }
    }
}

impl Shard {
    /// Drops expired leases and fences whenever their number has doubled, so that loads and
    /// writes that were given up do not pile up, at a constant cost for each.
    pub(super) fn sweep(&mut self, now: Moment) {
        if self.grants.len() + self.fences.len() < self.sweep_at {
            return;
        }
        self.grants.retain(|_, grant| grant.until > now);
        self.fences.retain(|_, fences| fences.iter().any(|fence| fence.until > now));
        self.sweep_at = ((self.grants.len() + self.fences.len()) * 2).max(SWEEP_AT);
        self.grants.shrink_to(self.sweep_at);
    }

    pub(super) fn standing(&self, key: &EntryKey, now: Moment) -> impl Iterator<Item = &Standing> {
        self.fences.get(key).into_iter().flatten().filter(move |fence| fence.until > now)
    }

    pub(super) fn taint(&mut self, key: &EntryKey) {
        self.fences.get_mut(key).into_iter().flatten().for_each(|fence| fence.tainted = true);
    }
}
