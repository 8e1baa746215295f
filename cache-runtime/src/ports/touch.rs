//! Columns that say when a row was read last.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::behind::Delta;
use super::column_values::ColumnValues;
use super::expiry::ExpiresAt;
use super::model::BoxError;

/// What a read writes, if anything: given the row, the time of day, and how old its column may be.
pub type Touch<M> = fn(&M, SystemTime) -> Result<Option<ColumnValues>, BoxError>;

/// A column that can hold when its row was read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say when a row was read",
    note = "`touch_on_read` takes a column of seconds since 1970 (`i64`), or with the feature `chrono` or `time` a moment in UTC, or an `Option` of these; for a type of your own write `impl TouchedAt`"
)]
pub trait TouchedAt: ExpiresAt + Sized {
    /// The value for this moment.
    fn touched_at(now: SystemTime) -> Self;
}

/// Seconds since 1970.
impl TouchedAt for i64 {
    fn touched_at(now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

impl TouchedAt for SystemTime {
    fn touched_at(now: SystemTime) -> Self {
        now
    }
}

impl<T: TouchedAt> TouchedAt for Option<T> {
    fn touched_at(now: SystemTime) -> Self {
        Some(T::touched_at(now))
    }
}

#[cfg(feature = "chrono")]
impl TouchedAt for chrono::DateTime<chrono::Utc> {
    fn touched_at(now: SystemTime) -> Self {
        now.into()
    }
}

/// In UTC.
#[cfg(feature = "chrono")]
impl TouchedAt for chrono::NaiveDateTime {
    fn touched_at(now: SystemTime) -> Self {
        chrono::DateTime::<chrono::Utc>::from(now).naive_utc()
    }
}

#[cfg(feature = "time")]
impl TouchedAt for time::OffsetDateTime {
    fn touched_at(now: SystemTime) -> Self {
        now.into()
    }
}

/// In UTC.
#[cfg(feature = "time")]
impl TouchedAt for time::PrimitiveDateTime {
    fn touched_at(now: SystemTime) -> Self {
        let now = time::OffsetDateTime::from(now);
        Self::new(now.date(), now.time())
    }
}

/// The delta that sets the column, if what it holds is older than `every`.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub fn touch<T: TouchedAt, D: Delta>(
    column: &T,
    now: SystemTime,
    every: Duration,
    delta: impl FnOnce(T) -> D,
) -> Result<Option<ColumnValues>, BoxError> {
    let due = column.expires_at().and_then(|last| last.checked_add(every));
    if due.is_some_and(|due| now < due) {
        return Ok(None);
    }
    delta(T::touched_at(now)).payload().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(i64);

    impl Delta for Set {
        fn payload(&self) -> Result<ColumnValues, BoxError> {
            let mut out = ColumnValues::default();
            out.set("at", &self.0)?;
            Ok(out)
        }
    }

    #[test]
    fn a_column_is_set_when_it_is_old_enough() {
        let minute = Duration::from_secs(60);
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let set = |column: Option<i64>| {
            let touched = touch(&column, now, minute, |value| Set(value.unwrap_or_default()));
            touched.unwrap().map(|values| values.get::<i64>("at").unwrap())
        };
        assert_eq!(set(None), Some(Some(1000)));
        assert_eq!(set(Some(940)), Some(Some(1000)));
        assert_eq!(set(Some(941)), None);
        assert_eq!(set(Some(2000)), None, "a clock that is behind sets nothing back");
    }
}
