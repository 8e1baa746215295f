//! Time and chance.

use std::time::{Duration, SystemTime};

use super::BoxFuture;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// A local monotonic clock.
///
/// Contract: `now` never goes back; a `sleep` of `d` ends when `now` has
/// advanced by at least `d`. Decisions that processes share use the store's
/// or the database's time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a clock",
    note = "the default is `SystemClock`; for tests there is `testing::ManualClock`, with the feature `testing`"
)]
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Moment;

    /// The time of day. Asked only about rows that say themselves when they expire.
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;
}

/// The source of lease tokens.
///
/// Contract: 128 unpredictable bits each; no two calls, in any process, at
/// any time, give the same (anomaly 19).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of tokens",
    note = "the default is `RandomTokens`; leave `.tokens(..)` out"
)]
pub trait Tokens: Send + Sync + 'static {
    /// A fresh token.
    fn token(&self) -> Token;
}
