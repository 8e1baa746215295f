//! What there is to tell of an entry.

use std::time::Duration;

use redis::{Pipeline, Value};

use super::{Redis, keys};
use crate::ports::store::Inspection;
use crate::values::error::Result;
use crate::values::key::EntryKey;

impl Redis {
    /// Needs no right that the store does not need anyway.
    pub(super) async fn inspect_entry(&self, key: &EntryKey) -> Result<Inspection> {
        let mut commands = Pipeline::with_capacity(4);
        commands.cmd("TIME");
        commands.cmd("PTTL").arg(keys::value(key));
        commands.cmd("GET").arg(keys::lease(key));
        commands.cmd("HGETALL").arg(keys::fences(key));
        let answers = self.ask(self.link()?, &commands).await?;
        let [time, left, lease, fences] = &answers[..] else { return Err(self.unexpected()) };
        let now = micros(time);
        let left = match left {
            Value::Int(millis) => u64::try_from(*millis).ok().map(Duration::from_millis),
            _ => None,
        };
        let leased = Some(!matches!(lease, Value::Nil));
        let fences = now.map(|now| standing(fences, now));
        Ok(Inspection { now, since: None, left, leased, fences })
    }
}

/// Seconds and the microseconds beside them.
fn micros(time: &Value) -> Option<u64> {
    let Value::Array(parts) = time else { return None };
    let mut parts = parts.iter().map(number);
    Some(parts.next()?? * 1_000_000 + parts.next()??)
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// How many fences of the hash have not expired: each is `until:at:tainted:era`, in microseconds.
fn standing(fences: &Value, now: u64) -> usize {
    let texts: Vec<&Value> = match fences {
        Value::Array(all) => all.iter().skip(1).step_by(2).collect(),
        Value::Map(all) => all.iter().map(|(_, text)| text).collect(),
        _ => Vec::new(),
    };
    let until = |value: &Value| match value {
        Value::BulkString(text) => {
            std::str::from_utf8(text).ok()?.split(':').next()?.parse::<u64>().ok()
        }
        _ => None,
    };
    texts.into_iter().filter(|text| until(text).is_some_and(|until| until > now)).count()
}
