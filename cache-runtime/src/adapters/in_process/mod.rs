//! A store inside the process.
//!
//! Values live in a bounded concurrent cache, leases and fences in sharded maps
//! beside it. Whatever reads or changes one of those does so under its shard's
//! lock, and touches the value under the same lock; so every operation on one
//! entry but a plain read is atomic. A plain read takes no shard lock: a value
//! that is there may be served.

mod inspect;
mod several;
mod shard;
mod tables;
#[cfg(test)]
mod tests;
mod watermarks;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use self::shard::{Grant, Shard, Standing};
use self::tables::{Era, Tables};
use self::watermarks::Watermarks;
use crate::ports::BoxFuture;
use crate::ports::clock::Clock;
use crate::ports::store::{
    Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// The number of the next store of this process.
static INSTANCES: AtomicU64 = AtomicU64::new(0);
/// Entries kept unless said otherwise.
const CAPACITY: usize = 100_000;
/// A power of two, so that a mask picks the shard.
const SHARDS: usize = 64;

/// Keeps entries in this process's memory, shared and never encoded.
///
/// For one process: another process's writes do not reach it. Two caches of
/// one process may share a store through an [`Arc`], and then see each
/// other's invalidations.
///
/// ```
/// use cache_runtime::InProcess;
///
/// let store = InProcess::with_capacity(10_000);
/// ```
pub struct InProcess {
    values: Cache<EntryKey, Value>,
    shards: Box<[Mutex<Shard>]>,
    tables: Tables,
    watermarks: Watermarks,
    hasher: RandomState,
    time: Time,
    instance: u64,
}

/// Where the present comes from.
enum Time {
    /// The machine's monotonic clock, since then.
    Machine(Instant),
    /// A clock that was given.
    Given(Arc<dyn Clock>),
}

#[derive(Clone)]
struct Value {
    payload: Payload,
    version: Option<i64>,
    era: Option<Era>,
    since: Moment,
    deadline: Moment,
}

impl InProcess {
    /// Keeps up to 100,000 entries.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Keeps up to about this many entries, whatever their size; beyond it, those
    /// used least are dropped. The count is split over shards, so a small
    /// capacity may drop an entry a little early.
    pub fn with_capacity(entries: usize) -> Self {
        Self {
            values: Cache::new(entries),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tables: Tables::default(),
            watermarks: Watermarks::default(),
            hasher: RandomState::new(),
            time: Time::Machine(Instant::now()),
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Takes time from this clock, for tests that control it.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.time = Time::Given(clock);
        self
    }

    /// Forgets every entry, lease and fence, so that neither loads nor writes under way leave
    /// anything in it.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.grants.clear();
            shard.fences.clear();
        }
        self.watermarks.clear();
        self.values.clear();
    }

    fn now(&self) -> Moment {
        match &self.time {
            Time::Machine(start) => Moment(start.elapsed()),
            Time::Given(clock) => clock.now(),
        }
    }

    fn shard(&self, key: &EntryKey) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(key) as usize & (SHARDS - 1);
        // Nothing panics under the lock in a way that leaves a lease half written.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, key: &EntryKey) -> Option<Payload> {
        let value = self.values.get(key)?;
        let now = self.now();
        let era = self.era(key, now);
        let void = |value: &Value| {
            value.deadline <= now || (value.era != era && Guard::TableChecked.stands())
        };
        if !void(&value) {
            return Some(value.payload);
        }
        // Asked again: a newer value may have taken its place.
        self.values.remove_if(key, void);
        None
    }

    fn lease_one(&self, lease: &Lease) -> Leased {
        let mut shard = self.shard(&lease.key);
        let now = self.now();
        // Anomaly 8: what is read while a write is under way may be older than the write.
        if Guard::FenceBlocksLease.stands() && shard.standing(&lease.key, now).next().is_some() {
            return Leased::Bypass;
        }
        if Guard::TableFence.stands() && self.tables.is_fenced(&lease.key, now) {
            return Leased::Bypass;
        }
        let era = self.era(&lease.key, now);
        // What is not known to be up to date within the bound is not given, and so not filled.
        if era.is_none() && Guard::WatermarkGate.stands() {
            return Leased::Bypass;
        }
        if !lease.force {
            if let Some(payload) = self.value(&lease.key).and_then(|it| several::own(it, lease)) {
                return Leased::Hit(payload);
            }
            if shard
                .grants
                .get(&lease.key)
                .is_some_and(|grant| grant.until > now && grant.token != lease.token)
            {
                return Leased::Held;
            }
        }
        shard.sweep(now);
        let (token, until, forced) = (lease.token, now + lease.expiry, lease.force);
        let grant = Grant { token, at: now, until, era, forced };
        shard.grants.insert(lease.key.clone(), grant);
        Leased::Granted(micros(now.0))
    }

    fn fill_one(&self, fill: Fill) -> Filled {
        let mut shard = self.shard(&fill.key);
        let now = self.now();
        let grant = shard.grants.get(&fill.key).filter(|grant| grant.until > now);
        // Anomalies 1 and 2: an invalidation took the lease away, so what this fill
        // read may be older than the write.
        if Guard::LeaseToken.stands() && grant.is_none_or(|grant| grant.token != fill.token) {
            return Filled::LeaseLost;
        }
        // Anomaly 20: counted from the fill, a delayed one would get a full life.
        let anchor = match grant {
            Some(grant) if Guard::LeaseAnchor.stands() => grant.at,
            _ => now,
        };
        let era = self.era(&fill.key, now);
        let leased = grant.map_or(era, |grant| grant.era);
        let forced = grant.is_some_and(|grant| grant.forced);
        shard.grants.remove(&fill.key);
        if leased != era && Guard::TableUnchanged.stands() {
            return Filled::LeaseLost;
        }
        let deadline = anchor + fill.life;
        if deadline <= now {
            return Filled::TooLate;
        }
        let there = self
            .values
            .get(&fill.key)
            .filter(|there| there.deadline > now && (there.era == era || !Guard::KeptEra.stands()));
        // Where the row is gone there is no version to compare.
        let newer = |there: &Value| fill.version.is_some() && there.version > fill.version;
        if Guard::NewerOnly.stands() && there.as_ref().is_some_and(newer) {
            return Filled::Older;
        }
        let filled =
            Value { payload: fill.payload, version: fill.version, era, since: anchor, deadline };
        self.values.insert(fill.key, several::beside(filled, there, forced));
        Filled::Accepted
    }

    fn release_one(&self, key: &EntryKey, token: Token) {
        let mut shard = self.shard(key);
        if shard.grants.get(key).is_some_and(|grant| grant.token == token) {
            shard.grants.remove(key);
        }
    }

    fn invalidate_one(&self, key: &EntryKey) {
        if key.is_table() {
            return self.void(key);
        }
        let mut shard = self.shard(key);
        self.remove(&mut shard, key);
    }

    fn remove(&self, shard: &mut Shard, key: &EntryKey) {
        self.values.remove(key);
        // Anomaly 1: left standing, the lease would let a fill put the old value back.
        if Guard::InvalidateLease.stands() {
            shard.grants.remove(key);
        }
        // Anomaly 46: untainted, a fence would let its writer put an older value back.
        if Guard::TaintRemoval.stands() {
            shard.taint(key);
        }
    }

    fn fence_one(&self, fence: &Fence) -> u64 {
        if fence.key.is_table() {
            let now = self.now();
            self.tables.fence(&fence.key, fence.token, now, now + fence.expiry);
            self.void(&fence.key);
            return micros(now.0);
        }
        let mut shard = self.shard(&fence.key);
        let now = self.now();
        // Anomaly 7: from the commit on it would be served although it is old.
        if Guard::FenceRemovesValue.stands() {
            self.values.remove(&fence.key);
        }
        // Anomaly 1: what was read before the write could be filled after it.
        if Guard::FenceRemovesLease.stands() {
            shard.grants.remove(&fence.key);
        }
        shard.sweep(now);
        // Anomaly 11: the row lock ends at COMMIT, so the order of two puts is not known.
        let overlaps = shard.standing(&fence.key, now).any(|other| other.token != fence.token);
        let tainted = overlaps && Guard::TaintOverlap.stands();
        if tainted {
            shard.taint(&fence.key);
        }
        let fences = shard.fences.entry(fence.key.clone()).or_default();
        fences.retain(|other| other.until > now && other.token != fence.token);
        let (token, until, era) = (fence.token, now + fence.expiry, self.era(&fence.key, now));
        fences.push(Standing { token, at: now, until, tainted, era });
        micros(now.0)
    }

    fn renew_one(&self, key: &EntryKey, token: Token, expiry: Duration) -> bool {
        if key.is_table() {
            let now = self.now();
            return self.tables.renew(key, token, now, now + expiry);
        }
        let mut shard = self.shard(key);
        let now = self.now();
        // Anomaly 10: one that has ended may have let older values in; it must not come back
        // as if it had stood all the time.
        if !Guard::RenewStanding.stands() {
            let era = self.era(key, now);
            let fences = shard.fences.entry(key.clone()).or_default();
            if !fences.iter().any(|fence| fence.token == token) {
                fences.push(Standing { token, at: now, until: now, tainted: false, era });
            }
        }
        let standing = |fence: &&mut Standing| {
            fence.token == token && (fence.until > now || !Guard::RenewStanding.stands())
        };
        match shard.fences.get_mut(key).into_iter().flatten().find(standing) {
            Some(fence) => {
                fence.until = now + expiry;
                true
            }
            None => false,
        }
    }

    fn lift_one(&self, lift: Lift) -> bool {
        if lift.key.is_table() {
            self.tables.lift(&lift.key, lift.token);
            self.void(&lift.key);
            return false;
        }
        let mut shard = self.shard(&lift.key);
        let now = self.now();
        let own = shard.standing(&lift.key, now).find(|fence| fence.token == lift.token);
        // Anomalies 12 and 45: without it, others may have written meanwhile.
        let owned = own.is_some() || !Guard::OwnFence.stands();
        let era = self.era(&lift.key, now);
        let (at, tainted, fenced) =
            own.map_or((now, false, era), |own| (own.at, own.tainted, own.era));
        let tainted = tainted || (fenced != era && Guard::TableUnchanged.stands());
        if let Some(fences) = shard.fences.get_mut(&lift.key) {
            fences.retain(|fence| fence.until > now && fence.token != lift.token);
            if fences.is_empty() {
                shard.fences.remove(&lift.key);
            }
        }
        // Anomaly 20: counted from the put, a delayed one would get a full life.
        let anchor = if Guard::FenceAnchor.stands() { at } else { now };
        match lift.put {
            Some(put) if owned && !tainted && era.is_some() && anchor + put.life > now => {
                let (payload, deadline) = (put.payload, anchor + put.life);
                self.values.insert(
                    lift.key,
                    Value { payload, version: put.version, era, since: anchor, deadline },
                );
                true
            }
            _ => {
                self.remove(&mut shard, &lift.key);
                false
            }
        }
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess")
            .field("entries", &self.values.len())
            .field("capacity", &self.values.capacity())
            .finish()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Store for InProcess {
    fn tier(&self) -> &'static str {
        "in_process"
    }

    fn form(&self) -> Form {
        Form::Shared
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        // Values may be dropped early, fences never are.
        let instance = Some(self.instance);
        Box::pin(async move { Ok(StoreFacts { instance, ..StoreFacts::default() }) })
    }

    fn peek(&self, key: &EntryKey) -> Option<Option<Payload>> {
        Some(self.value(key))
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        Box::pin(async { Ok(keys.iter().map(|key| self.value(key)).collect()) })
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        Box::pin(async { Ok(leases.iter().map(|lease| self.lease_one(lease)).collect()) })
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        Box::pin(async { Ok(fills.into_iter().map(|fill| self.fill_one(fill)).collect()) })
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            leases.iter().for_each(|(key, token)| self.release_one(key, *token));
            Ok(())
        })
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            keys.iter().for_each(|key| self.invalidate_one(key));
            Ok(())
        })
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        Box::pin(async { Ok(fences.iter().map(|fence| self.fence_one(fence)).collect()) })
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            Ok(fences.iter().map(|(key, token)| self.renew_one(key, *token, expiry)).collect())
        })
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        Box::pin(async { Ok(lifts.into_iter().map(|lift| self.lift_one(lift)).collect()) })
    }

    fn inspect<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<Inspection>> {
        Box::pin(async { Ok(self.inspect_one(key)) })
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async { Ok(micros(self.now().0)) })
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async { Ok(marks.iter().map(|mark| self.mark_one(mark)).collect()) })
    }
}
