//! Columns that say when a row expires.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A value that says when its row expires.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say when a row expires",
    note = "`expires_at` takes a column of seconds since 1970 (`i64`), or with the feature `chrono` or `time` a moment in UTC, or an `Option` of these; for a type of your own write `impl ExpiresAt`"
)]
pub trait ExpiresAt {
    /// The moment; `None` for never.
    fn expires_at(&self) -> Option<SystemTime>;
}

/// Seconds since 1970.
impl ExpiresAt for i64 {
    fn expires_at(&self) -> Option<SystemTime> {
        match u64::try_from(*self) {
            Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
            Err(_) => Some(UNIX_EPOCH),
        }
    }
}

impl ExpiresAt for SystemTime {
    fn expires_at(&self) -> Option<SystemTime> {
        Some(*self)
    }
}

/// NULL is never.
impl<T: ExpiresAt> ExpiresAt for Option<T> {
    fn expires_at(&self) -> Option<SystemTime> {
        self.as_ref()?.expires_at()
    }
}

#[cfg(feature = "chrono")]
impl<Z: chrono::TimeZone> ExpiresAt for chrono::DateTime<Z> {
    fn expires_at(&self) -> Option<SystemTime> {
        let (seconds, nanos) = (self.timestamp(), self.timestamp_subsec_nanos());
        seconds.expires_at()?.checked_add(Duration::from_nanos(u64::from(nanos)))
    }
}

/// In UTC.
#[cfg(feature = "chrono")]
impl ExpiresAt for chrono::NaiveDateTime {
    fn expires_at(&self) -> Option<SystemTime> {
        self.and_utc().expires_at()
    }
}

#[cfg(feature = "time")]
impl ExpiresAt for time::OffsetDateTime {
    fn expires_at(&self) -> Option<SystemTime> {
        Some((*self).into())
    }
}

/// In UTC.
#[cfg(feature = "time")]
impl ExpiresAt for time::PrimitiveDateTime {
    fn expires_at(&self) -> Option<SystemTime> {
        self.assume_utc().expires_at()
    }
}
