//! All entries of a table at once: an era in each bucket, which every value begins with.
//!
//! A new era makes all older values void without touching them, so the cost grows with the
//! number of buckets and not with that of the entries. There is one era a bucket, because a
//! script reaches only one slot of a Redis Cluster, and because a hit reads value and era by one
//! MGET.
//!
//! Where the buckets have watermarks, a watermark stands in the era's place, and begins with it.

use bytes::Bytes;
use rand::random;

use super::store::{millis, text};
use super::{Call, Redis, keys, scripts};
use crate::ports::store::{Fence, Mark};
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// The length of an era.
const ERA: usize = 32;

/// The payload of a value, if it is of the present era.
pub(super) fn of_era(value: Option<Bytes>, era: Option<Bytes>) -> Option<Bytes> {
    let value = value.filter(|value| value.len() >= ERA)?;
    let present = match era {
        Some(era) => era.starts_with(&value[..ERA]),
        None => !Guard::WatermarkGate.stands(),
    };
    (present || !Guard::TableChecked.stands()).then(|| value.slice(ERA..))
}

fn fresh() -> Bytes {
    text(Token(random()))
}

impl Redis {
    pub(super) async fn invalidate_table(&self, table: &EntryKey) -> Result<()> {
        let calls = everywhere(table, &[fresh()]);
        self.run(&scripts::current().void_table, calls).await.map(drop)
    }

    /// Gives the earliest of the buckets' times.
    pub(super) async fn fence_table(&self, fence: &Fence) -> Result<u64> {
        let expiry = text(millis(fence.expiry).max(1));
        let calls = everywhere(&fence.key, &[text(fence.token), expiry, fresh()]);
        let mut earliest = u64::MAX;
        for answer in self.run(&scripts::current().fence_table, calls).await? {
            earliest = earliest.min(self.micros(&answer)?);
        }
        Ok(earliest)
    }

    /// Whether the fence stands in every bucket.
    pub(super) async fn renew_table(&self, table: &EntryKey, how: Vec<Bytes>) -> Result<bool> {
        let answers = self.run(&scripts::current().renew, everywhere(table, &how)).await?;
        Ok(self.yes_or_no(answers)?.into_iter().all(|stands| stands))
    }

    /// Sets or moves watermarks.
    pub(super) async fn mark_all(&self, marks: &[Mark]) -> Result<Vec<bool>> {
        let calls = marks.iter().map(|mark| {
            let mut keys = vec![keys::of_table(&mark.table, mark.bucket).0];
            let mut arguments = vec![text(mark.seen), text(mark.deadline)];
            if let Some(turn) = &mark.turn {
                let void = u8::from(turn.entries.is_none());
                arguments.extend([text(turn.name), text(turn.era), text(void)]);
                for entry in turn.entries.iter().flatten() {
                    keys.extend([keys::value(entry), keys::lease(entry), keys::fences(entry)]);
                }
            }
            Call { keys, arguments }
        });
        let answers = self.run(&scripts::current().mark, calls.collect()).await?;
        self.yes_or_no(answers)
    }

    pub(super) async fn lift_table(&self, table: &EntryKey, token: Token) -> Result<()> {
        let calls = everywhere(table, &[text(token), fresh()]);
        self.run(&scripts::current().lift_table, calls).await.map(drop)
    }
}

/// One call a bucket, in one round trip.
fn everywhere(table: &EntryKey, arguments: &[Bytes]) -> Vec<Call> {
    let call = |bucket| {
        let (era, fences) = keys::of_table(table, bucket);
        Call { keys: vec![era.clone(), era, fences], arguments: arguments.to_vec() }
    };
    (0..keys::buckets(table)).map(call).collect()
}
