//! Write-through: a write updates the database, and puts what the database then holds into the
//! cache before it is acknowledged. Reads are cache-aside's.
//!
//! A put is what goes wrong in most hand-made versions: of two writers, the one that committed
//! first may put last. Here each write has its entries fenced from before its commit until it
//! puts, and of two fences that overlap neither puts (anomaly 11). The fence is a courtesy
//! where the model is `eventual`: without the store the write commits, and puts nothing.

use std::sync::Arc;

use crate::engine::debt::{Need, Packing, Touch};
use crate::engine::entry::{Cacheable, Entry, Target};
use crate::engine::keeper::{Keeper, Triggers};
use crate::ports::database::Database;
use crate::ports::model::{Model, Statements};
use crate::values::key::EntryKey;
use crate::values::policy::Consistency;

/// What a write does to the entries of the rows that it changed: what is left of them is put,
/// under the key and under each unique value.
pub(super) fn touched<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    before: &[Arc<M>],
    after: &[Arc<M>],
) -> Vec<Touch> {
    let need = need::<M>();
    let touch = |key, put| Touch { key, need, put, invalidator: keeper.invalidator.clone() };
    let mut touches = Vec::new();
    for row in before {
        touches.push(touch(keeper.tier.row_key(&row.key()), None));
        keeper.lookups_of(row, &mut |entry| touches.push(touch(entry, None)));
    }
    for row in after {
        let key = row.key();
        let entry = keeper.tier.row_key(&key);
        let put = put(keeper, &entry, Entry::Present(row.clone()));
        touches.push(touch(entry, put));
        keeper.lookups_of(row, &mut |entry| {
            let target = Entry::Present(Arc::new(Target::<M>(row.key())));
            let put = self::put(keeper, &entry, target);
            touches.push(touch(entry, put));
        });
    }
    touches
}

/// How an entry is protected that may be put.
pub(super) fn need<M: Model>() -> Need {
    match M::DESCRIPTOR.policy.promise() {
        Consistency::Fenced => Need::Strict,
        Consistency::Eventual | Consistency::Bounded(_) | Consistency::Validated => Need::Fence,
    }
}

/// Nothing is put while the cache is off, nor where a trigger may change the row as late as at
/// COMMIT, nor where another process may not know of such entries.
pub(super) fn put<M, D, V>(
    keeper: &Arc<Keeper<M, D>>,
    key: &EntryKey,
    entry: Entry<V>,
) -> Option<Packing>
where
    M: Statements<D::Backend>,
    D: Database,
    V: Cacheable,
{
    if keeper.switch.is_off() || keeper.triggers == Some(Triggers::Deferred) {
        return None;
    }
    let (keeper, key) = (keeper.clone(), key.clone());
    Some(Box::new(move |fenced_at| {
        if !keeper.tier.serves(&key) {
            return None;
        }
        let token = keeper.tokens.token();
        let life = entry.life(M::DESCRIPTOR.policy, token, &*keeper.rows.clock)?;
        keeper.tier.pack(&entry, fenced_at, life)
    }))
}
