//! The store: where entries live, in this process or beside it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::BoxFuture;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// What a store keeps.
#[derive(Clone)]
pub enum Payload {
    /// An encoded entry, for stores that outlive the process.
    Bytes(Bytes),
    /// The entry itself, shared, for stores inside the process.
    Shared(Arc<dyn Any + Send + Sync>),
}

/// Which payloads a store wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// [`Payload::Bytes`].
    Bytes,
    /// [`Payload::Shared`].
    Shared,
    /// None: nothing is kept.
    Nothing,
}

/// A wish to fill an entry.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The entry.
    pub key: EntryKey,
    /// A fresh token.
    pub token: Token,
    /// How long the lease stands if nobody fills or releases.
    pub expiry: Duration,
    /// Take the lease even where a value or another's lease is there: a refresh.
    pub force: bool,
    /// Whose values the caller can read, where a store keeps bytes.
    pub fingerprint: u64,
}

/// The answer to a [`Lease`].
#[derive(Clone)]
pub enum Leased {
    /// A value is there now.
    Hit(Payload),
    /// The lease is held under the token; the store's time at that moment, in microseconds.
    Granted(u64),
    /// Somebody else holds the lease.
    Held,
    /// The store does not want this entry filled now: a write of it is under way.
    Bypass,
}

/// A value for an entry, under a lease.
#[derive(Clone)]
pub struct Fill {
    /// The entry.
    pub key: EntryKey,
    /// The lease's token.
    pub token: Token,
    /// The value.
    pub payload: Payload,
    /// The row's version, where the model declares one.
    pub version: Option<i64>,
    /// The entry's life, counted from the moment the lease was taken.
    pub life: Duration,
}

/// The answer to a [`Fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The value is there for everybody.
    Accepted,
    /// The lease is gone: invalidated, expired, evicted or taken over.
    LeaseLost,
    /// The life ended before the fill arrived.
    TooLate,
    /// A value with a newer version is there.
    Older,
}

/// A fence around an entry: a write of it is under way.
#[derive(Debug, Clone)]
pub struct Fence {
    /// The entry.
    pub key: EntryKey,
    /// A fresh token, never one of an earlier attempt.
    pub token: Token,
    /// How long the fence stands if nobody lifts or renews it.
    pub expiry: Duration,
}

/// The end of a fence.
#[derive(Clone)]
pub struct Lift {
    /// The entry.
    pub key: EntryKey,
    /// The fence's token.
    pub token: Token,
    /// The value that the write left, if it may be put.
    pub put: Option<Put>,
}

/// A value to put when a fence is lifted.
#[derive(Clone)]
pub struct Put {
    /// The value.
    pub payload: Payload,
    /// The row's version, where the model declares one.
    pub version: Option<i64>,
    /// The entry's life, counted from the moment the fence was put up.
    pub life: Duration,
}

/// A watermark: until its deadline, every change that the database had made before it was set has
/// been applied to one bucket of a table.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The table, by its key.
    pub table: EntryKey,
    /// The bucket, by number.
    pub bucket: u32,
    /// What the database remembers as the watermark's name.
    pub seen: Token,
    /// What to apply; nothing where there is only a deadline to be moved.
    pub turn: Option<Turn>,
    /// Until when it stands, in the store's time, in microseconds.
    pub deadline: u64,
}

/// Changes to be applied to a bucket.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The watermark's next name.
    pub name: Token,
    /// The bucket's era, should it begin a new one.
    pub era: Token,
    /// The entries that changed; without them all of the bucket is void.
    pub entries: Option<Vec<EntryKey>>,
}

/// What a store says of itself at start.
#[derive(Debug, Clone, Default)]
pub struct StoreFacts {
    /// The server's name and version, empty for stores in the process.
    pub version: String,
    /// Whether the server copies itself to others, which may lose writes at a failover.
    pub replicated: bool,
    /// Whether the server may drop entries, and so fences, before they expire.
    pub evicts: bool,
    /// Tells the stores inside one process apart; none for a store that other processes reach.
    pub instance: Option<u64>,
}

/// What a store tells of one entry, to be shown to people. What it cannot tell is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The store's time now, in microseconds.
    pub now: Option<u64>,
    /// The store's time at the lease or the fence of the value that is there, where its bytes do
    /// not tell.
    pub since: Option<u64>,
    /// How long the value will be kept yet.
    pub left: Option<Duration>,
    /// Whether somebody holds the lease.
    pub leased: Option<bool>,
    /// How many fences stand around the entry.
    pub fences: Option<usize>,
}

/// Keeps entries, the leases under which they are filled, and the fences that writes put up.
///
/// Contract, for each entry by itself:
/// - Every operation takes effect at one point between its call and its answer,
///   all or nothing. A batch is not atomic. After an error it is open whether
///   the operation took effect, and it may still do so later.
/// - `lease` gives [`Leased::Bypass`] while a fence stands, forced or not. Else
///   [`Leased::Hit`] if a value is there and `force` is off; [`Leased::Held`] if
///   another's lease stands and `force` is off; else it sets the lease to the
///   token, with the store's own time. Envelopes ([`wire`](crate::wire)) of other
///   fingerprints alone count as no value.
/// - `fill` accepts only the token of the lease that stands now. It ends the
///   lease and keeps the value until lease time + life, by the store's own
///   clock, unless a value with a higher version is there.
/// - `fill` leaves the envelopes of other fingerprints, the newest of them, behind its own, and
///   then all end when the first of them has to. Not those that say something else of the row
///   (there or not, another version), those that its table's invalidation has made void, nor,
///   under a forced lease, those without a version. `lift` leaves none.
/// - `release` ends the lease if it still has the token.
/// - `invalidate` removes value *and* lease, so that a delayed fill is refused,
///   and taints every fence that stands, so that none of them puts.
/// - `fence` removes value and lease and puts up a fence, with the store's own
///   time. If another fence stands, all of them are tainted.
/// - `renew` prolongs a fence that stands; it never creates one.
/// - `lift` puts the value, until fence time + life, if there is one to put and
///   the fence stands and was never tainted. Otherwise it does what `invalidate`
///   does. Either way the fence is gone.
/// - A value whose key is [watermarked](EntryKey::is_watermarked) is there only while its bucket has
///   the watermark under whose era it was filled or put; without one, `lease` gives
///   [`Leased::Bypass`] and nothing is put. To invalidate or fence the whole table begins a new era
///   in each bucket, under the same watermark.
/// - `mark` without a turn moves the deadline of the watermark that has the name seen, never back,
///   and answers whether there is one. With a turn it applies the entries as `invalidate` does,
///   begins a new era unless there is a watermark with the name seen, and sets the watermark under
///   its next name. That, all at one point. A watermark is gone after its deadline.
/// - No other operation creates a value or a watermark.
/// - A key that names a table ([`EntryKey::is_table`]) is given to `invalidate`, `fence`,
///   `renew` and `lift` alone, and means all entries whose keys name that table, at a cost that
///   does not grow with their number: `invalidate` makes all of them void, with their leases and
///   their fences' puts; `fence` does so too, and until it is lifted or expires `lease` answers
///   [`Leased::Bypass`] for each of them.
/// - A store may lose any value or lease at any time. It never brings one back.
/// - Answers come in the order of the request, one for each.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store",
    label = "not a store",
    note = "for several processes: `Redis::url(\"redis://localhost/\")?`, with the `?`; for one process: `InProcess::new()`; for none: `Null`",
    note = "a store that is shared already, an `Arc<dyn Store>`, is given with `shared_store`"
)]
pub trait Store: Send + Sync + 'static {
    /// The label of this tier in metrics.
    fn tier(&self) -> &'static str;

    /// Which payloads it wants.
    fn form(&self) -> Form;

    /// Makes the store ready and checks that it is fit for use.
    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>>;

    /// The value, if this store can tell without waiting: `None` means "use
    /// [`get`](Store::get)". It does not allocate.
    fn peek(&self, _key: &EntryKey) -> Option<Option<Payload>> {
        None
    }

    /// The values, in one round trip and without a script.
    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>>;

    /// Asks to fill, in one round trip.
    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>>;

    /// Fills under leases, in one round trip.
    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>>;

    /// Gives leases back unused, in one round trip.
    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>>;

    /// Removes values and leases and taints fences, in one round trip.
    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>>;

    /// Puts up fences, in one round trip. Tells the store's time at each, in microseconds.
    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>>;

    /// Prolongs fences that stand, to this long from now, in one round trip. Tells of each
    /// whether it stands.
    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Lifts fences, in one round trip. Tells of each whether its value was put.
    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>>;

    /// Notes what a service has declared about a table, for `life`; empty text takes it back. Gives
    /// the notes of all services that still live, by service, this one's as it is now. A store
    /// that nobody shares has none.
    fn declare<'a>(
        &'a self,
        _table: &'a EntryKey,
        _service: &'a str,
        _text: &'a str,
        _life: Duration,
    ) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What there is to tell of an entry, in one round trip. Changes nothing.
    fn inspect<'a>(&'a self, _key: &'a EntryKey) -> BoxFuture<'a, Result<Inspection>> {
        Box::pin(async { Ok(Inspection::default()) })
    }

    /// The store's time, in microseconds.
    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async { Err(no_watermarks(self.tier())) })
    }

    /// Sets or moves watermarks, in one round trip. Tells of each whether it stands now.
    fn mark<'a>(&'a self, _marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async { Err(no_watermarks(self.tier())) })
    }
}

fn no_watermarks(tier: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!(
            "the store `{tier}` has no watermarks, which `bounded` needs; use `Redis` or `InProcess`"
        ),
    )
}
