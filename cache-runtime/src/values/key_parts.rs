//! The types that may be a part of a key, and how each is written.
//!
//! What one says is the same for each crate's type of it: a date is a date, of chrono or of time.

use super::key::{AsKey, KeyParts, KeyWriter};

/// Implements the key traits for a type that is its own owned key.
macro_rules! own_key {
    ($($type:ty => |$value:ident, $out:ident| $write:expr;)*) => {$(
        impl KeyParts for $type {
            fn write_parts(&self, $out: &mut KeyWriter) {
                let $value = self;
                $write
            }
        }

        impl AsKey<$type> for $type {
            fn to_key(&self) -> $type {
                self.clone()
            }
        }
    )*};
}

own_key! {
    i8 => |value, out| out.integer((*value).into());
    i16 => |value, out| out.integer((*value).into());
    i32 => |value, out| out.integer((*value).into());
    i64 => |value, out| out.integer((*value).into());
    u8 => |value, out| out.integer((*value).into());
    u16 => |value, out| out.integer((*value).into());
    u32 => |value, out| out.integer((*value).into());
    u64 => |value, out| out.integer((*value).into());
    bool => |value, out| out.part(b't', &[b'0' + u8::from(*value)]);
    String => |value, out| out.text(value);
    Vec<u8> => |value, out| out.bytes(value);
}

/// MAC addresses among them.
impl<const N: usize> KeyParts for [u8; N] {
    fn write_parts(&self, out: &mut KeyWriter) {
        out.bytes(self);
    }
}

impl<const N: usize> AsKey<[u8; N]> for [u8; N] {
    fn to_key(&self) -> [u8; N] {
        *self
    }
}

impl KeyParts for str {
    fn write_parts(&self, out: &mut KeyWriter) {
        out.text(self);
    }
}

impl AsKey<String> for str {
    fn to_key(&self) -> String {
        self.to_owned()
    }
}

impl KeyParts for [u8] {
    fn write_parts(&self, out: &mut KeyWriter) {
        out.bytes(self);
    }
}

impl AsKey<Vec<u8>> for [u8] {
    fn to_key(&self) -> Vec<u8> {
        self.to_owned()
    }
}

#[cfg(feature = "uuid")]
own_key! {
    uuid::Uuid => |value, out| out.part(b'u', value.as_bytes());
}

#[cfg(any(feature = "chrono", feature = "time", feature = "ipnetwork", feature = "ipnet"))]
fn shown(out: &mut KeyWriter, tag: u8, value: impl std::fmt::Display) {
    out.part(tag, value.to_string().as_bytes());
}

/// A time of day. The nanoseconds of a leap second go on beyond its end.
#[cfg(any(feature = "chrono", feature = "time"))]
fn time_of_day(out: &mut KeyWriter, seconds: u32, nanos: u32) {
    shown(out, b'h', format_args!("{seconds}.{nanos:09}"));
}

/// A moment, in whichever zone it is told.
#[cfg(any(feature = "chrono", feature = "time"))]
fn moment(out: &mut KeyWriter, seconds: i64, nanos: u32) {
    shown(out, b'm', format_args!("{seconds}.{nanos:09}"));
}

#[cfg(feature = "chrono")]
mod of_chrono {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};

    use super::*;

    own_key! {
        NaiveDate => |value, out| shown(out, b'd', value);
        NaiveTime => |value, out|
            time_of_day(out, value.num_seconds_from_midnight(), value.nanosecond());
        NaiveDateTime => |value, out| {
            value.date().write_parts(out);
            value.time().write_parts(out);
        };
        DateTime<Utc> => |value, out|
            moment(out, value.timestamp(), value.timestamp_subsec_nanos());
    }
}

#[cfg(feature = "time")]
mod of_time {
    use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

    use super::*;

    own_key! {
        Date => |value, out| shown(out, b'd', value);
        Time => |value, out| {
            let (hour, minute, second, nanos) = value.as_hms_nano();
            let seconds = (u32::from(hour) * 60 + u32::from(minute)) * 60 + u32::from(second);
            time_of_day(out, seconds, nanos);
        };
        PrimitiveDateTime => |value, out| {
            value.date().write_parts(out);
            value.time().write_parts(out);
        };
        OffsetDateTime => |value, out| moment(out, value.unix_timestamp(), value.nanosecond());
    }
}

// An address alone has the prefix of its full length, as in PostgreSQL.
#[cfg(feature = "ipnetwork")]
own_key! {
    ipnetwork::IpNetwork => |value, out|
        shown(out, b'a', format_args!("{}/{}", value.ip(), value.prefix()));
}

#[cfg(feature = "ipnet")]
own_key! {
    ipnet::IpNet => |value, out|
        shown(out, b'a', format_args!("{}/{}", value.addr(), value.prefix_len()));
}

#[cfg(all(test, feature = "chrono", feature = "time", feature = "ipnetwork", feature = "ipnet"))]
mod tests {
    use super::*;

    fn written(parts: impl KeyParts) -> String {
        let mut out = KeyWriter::default();
        parts.write_parts(&mut out);
        String::from_utf8(out.as_bytes().to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_value_is_written_alike_by_each_crate() {
        for (seconds, nanos) in [(0, 0), (-62_135_596_801, 999_999_999), (253_402_300_799, 1_000)] {
            let chrono = chrono::DateTime::from_timestamp(seconds, nanos).unwrap_or_default();
            let time = time::OffsetDateTime::from_unix_timestamp(seconds)
                .map(|it| it + time::Duration::nanoseconds(nanos.into()))
                .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
            let naive = time::PrimitiveDateTime::new(time.date(), time.time());
            assert_eq!(written(chrono), written(time));
            assert_eq!(written(chrono.naive_utc()), written(naive));
            assert_eq!(written(chrono.date_naive()), written(time.date()));
            assert_eq!(written(chrono.time()), written(time.time()));
        }
        assert_eq!(written(chrono::NaiveDateTime::MIN).get(..3), Some("d13"));
        for address in ["10.1.2.3/8", "::1/128", "0.0.0.0/0"] {
            let ipnetwork: Option<ipnetwork::IpNetwork> = address.parse().ok();
            let ipnet: Option<ipnet::IpNet> = address.parse().ok();
            let expected = format!("a{}:{address}", address.len());
            assert_eq!(written(ipnetwork), expected);
            assert_eq!(written(ipnet), expected);
        }
    }

    #[test]
    fn one_moment_is_one_key_and_two_are_two() {
        let utc = time::OffsetDateTime::UNIX_EPOCH;
        let offset = time::UtcOffset::from_hms(5, 30, 0).unwrap_or(time::UtcOffset::UTC);
        assert_eq!(utc, utc.to_offset(offset));
        assert_eq!(written(utc), written(utc.to_offset(offset)));
        assert_ne!(written(utc), written(utc + time::Duration::nanoseconds(1)));
        let leap = chrono::NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000);
        let before = chrono::NaiveTime::from_hms_nano_opt(23, 59, 59, 500_000_000);
        assert!(leap.is_some() && leap != before);
        assert_ne!(written(leap), written(before));
    }
}
