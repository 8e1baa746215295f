//! What Redis says of the entries of a stream.

use std::collections::HashMap;
use std::fmt;

use redis::{ServerError, Value, from_redis_value};

/// The name of an entry: the server's time in milliseconds, and a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64, u64);

impl Id {
    /// What is none comes before all others.
    pub(super) fn of(text: &str) -> Self {
        let (time, number) = text.split_once('-').unwrap_or((text, "0"));
        Self(time.parse().unwrap_or_default(), number.parse().unwrap_or_default())
    }

    pub(super) fn milliseconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// Entries, each with its fields; bytes that are no text are written as such.
pub(super) fn entries(value: Value) -> Vec<(String, HashMap<String, String>)> {
    let Value::Array(all) = value else { return Vec::new() };
    let entry = |value: Value| {
        let Value::Array(parts) = value else { return None };
        let [id, fields] = <[Value; 2]>::try_from(parts).ok()?;
        let fields: Vec<Vec<u8>> = from_redis_value(fields).unwrap_or_default();
        let pairs = fields.chunks_exact(2).map(|pair| (plain(&pair[0]), plain(&pair[1])));
        Some((from_redis_value(id).ok()?, pairs.collect()))
    };
    all.into_iter().filter_map(entry).collect()
}

fn plain(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// The refusals in an answer, at whatever depth.
pub(super) fn refusals(answer: &Value) -> Box<dyn Iterator<Item = &ServerError> + '_> {
    match answer {
        Value::ServerError(error) => Box::new(std::iter::once(error)),
        Value::Array(parts) => Box::new(parts.iter().flat_map(refusals)),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_the_server_orders_them() {
        assert!(Id::of("9-1") < Id::of("10-0") && Id::of("10-2") < Id::of("10-10"));
        assert_eq!(Id::of("17"), Id::of("17-0"));
    }
}
