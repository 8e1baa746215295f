//! Cache-aside: look in the cache; on a miss read the database and fill the cache under a
//! lease. Write the database first, then invalidate, or refresh.
//!
//! The fill is what goes wrong in most hand-made versions: a reader that read the old row fills
//! it after a writer has invalidated. Here a fill needs a lease taken before the read, and an
//! invalidation removes the lease (anomalies 1 and 2). So a plain removal, sent after the
//! commit, is enough for `eventual`; a strict model has its entries fenced meanwhile.

use std::sync::Arc;

use crate::engine::debt::Touch;
use crate::engine::keeper::Keeper;
use crate::ports::database::Database;
use crate::ports::model::Statements;
use crate::values::guard::Guard;

/// What a write does to the entries of the rows that it changed: all are removed.
pub(super) fn touched<M: Statements<D::Backend>, D: Database>(
    keeper: &Arc<Keeper<M, D>>,
    before: &[Arc<M>],
    after: &[Arc<M>],
) -> Vec<Touch> {
    let mut touches = Vec::new();
    // Also of a row that is new: its absence may be cached (anomaly 30).
    let after = if Guard::InvalidateAbsent.stands() { after } else { &[] };
    for row in before.iter().chain(after) {
        touches.push(keeper.removal(&row.key()));
        // An old unique value would be found out by verification; gone, it costs nothing.
        keeper.lookups_of(row, &mut |entry| touches.push(keeper.remove(entry)));
    }
    touches
}
