//! What there is to tell of an entry.

use super::{InProcess, micros};
use crate::ports::store::Inspection;
use crate::values::key::EntryKey;

impl InProcess {
    pub(super) fn inspect_one(&self, key: &EntryKey) -> Inspection {
        let shard = self.shard(key);
        let now = self.now();
        let value = self.values.get(key).filter(|value| value.deadline > now);
        Inspection {
            now: Some(micros(now.0)),
            since: value.as_ref().map(|value| micros(value.since.0)),
            left: value.map(|value| value.deadline.0.saturating_sub(now.0)),
            leased: Some(shard.grants.get(key).is_some_and(|grant| grant.until > now)),
            fences: Some(shard.standing(key, now).count()),
        }
    }
}
