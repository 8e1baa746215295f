//! The operations of the store, as commands and scripts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use redis::{Pipeline, Value};

use super::{Call, Redis, keys, scripts, tables};
use crate::ports::BoxFuture;
use crate::ports::store::{
    Fence, Fill, Filled, Form, Inspection, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// Past this many milliseconds (a century) Redis could not add the present to a life.
const LONGEST: u64 = 3_155_760_000_000;

impl Store for Redis {
    fn tier(&self) -> &'static str {
        "redis"
    }

    fn form(&self) -> Form {
        Form::Bytes
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        Box::pin(self.started())
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        Box::pin(async move {
            let mut names = Vec::with_capacity(keys.len());
            for key in keys {
                names.push(keys::value(key));
                names.extend(keys::era(key));
            }
            let mut command = match names.len() {
                0 => return Ok(Vec::new()),
                1 => redis::cmd("GET"),
                _ => redis::cmd("MGET"),
            };
            for name in &names {
                command.arg(&name[..]);
            }
            let mut commands = Pipeline::with_capacity(1);
            commands.add_command(command);
            let mut answers = self.ask(self.link()?, &commands).await?;
            if let Some(Value::Array(values)) = answers.first_mut() {
                answers = std::mem::take(values);
            }
            if answers.len() != names.len() {
                return Err(self.unexpected());
            }
            let mut answers = answers.into_iter();
            let mut next = || match answers.next() {
                Some(Value::BulkString(bytes)) => Ok(Some(Bytes::from(bytes))),
                Some(Value::Nil) => Ok(None),
                _ => Err(self.unexpected()),
            };
            let mut payloads = Vec::with_capacity(keys.len());
            for key in keys {
                let mut value = next()?;
                if key.table().is_some() {
                    value = tables::of_era(value, next()?);
                }
                payloads.push(value.map(Payload::Bytes));
            }
            Ok(payloads)
        })
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        Box::pin(async move {
            let calls = leases.iter().map(|lease| {
                let (expiry, force) = (millis(lease.expiry).max(1), u8::from(lease.force));
                let fingerprint = Bytes::copy_from_slice(&lease.fingerprint.to_le_bytes());
                let arguments = vec![text(lease.token), text(expiry), text(force), fingerprint];
                Call::on(&lease.key, arguments)
            });
            self.run(&scripts::current().lease, calls.collect())
                .await?
                .into_iter()
                .map(|answer| match answer {
                    Value::BulkString(bytes) => Ok(Leased::Hit(Payload::Bytes(bytes.into()))),
                    Value::Int(0) => Ok(Leased::Held),
                    Value::Int(-1) => Ok(Leased::Bypass),
                    Value::Int(at) => {
                        u64::try_from(at).map(Leased::Granted).map_err(|_| self.unexpected())
                    }
                    _ => Err(self.unexpected()),
                })
                .collect()
        })
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        Box::pin(async move {
            let mut calls = Vec::with_capacity(fills.len());
            for Fill { key, token, payload, life, .. } in fills {
                let arguments = vec![text(token), encoded(payload)?, text(micros(life))];
                calls.push(Call::on(&key, arguments));
            }
            self.run(&scripts::current().fill, calls)
                .await?
                .into_iter()
                .map(|answer| match answer {
                    Value::Int(1) => Ok(Filled::Accepted),
                    Value::Int(0) => Ok(Filled::LeaseLost),
                    Value::Int(-1) => Ok(Filled::TooLate),
                    Value::Int(-2) => Ok(Filled::Older),
                    _ => Err(self.unexpected()),
                })
                .collect()
        })
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let calls = leases.iter().map(|(key, token)| Call::on(key, vec![text(*token)]));
            self.run(&scripts::current().release, calls.collect()).await.map(drop)
        })
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (tables, entries): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.is_table());
            for table in tables {
                self.invalidate_table(table).await?;
            }
            let calls = entries.into_iter().map(|key| Call::on(key, Vec::new()));
            self.run(&scripts::current().invalidate, calls.collect()).await.map(drop)
        })
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        Box::pin(async move {
            let calls = fences.iter().filter(|fence| !fence.key.is_table()).map(|fence| {
                let expiry = millis(fence.expiry).max(1);
                Call::on(&fence.key, vec![text(fence.token), text(expiry)])
            });
            let answers = self.run(&scripts::current().fence, calls.collect()).await?;
            let mut answers = answers.iter();
            let mut times = Vec::with_capacity(fences.len());
            for fence in fences {
                times.push(match fence.key.is_table() {
                    true => self.fence_table(fence).await?,
                    false => self.micros(answers.next().unwrap_or(&Value::Nil))?,
                });
            }
            Ok(times)
        })
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let arguments = |token: Token| vec![text(token), text(millis(expiry).max(1))];
            let calls = fences.iter().filter(|(key, _)| !key.is_table());
            let calls = calls.map(|(key, token)| Call::on(key, arguments(*token))).collect();
            let answers = self.run(&scripts::current().renew, calls).await?;
            let mut stand = self.yes_or_no(answers)?.into_iter();
            let mut all = Vec::with_capacity(fences.len());
            for (key, token) in fences {
                all.push(match key.is_table() {
                    true => self.renew_table(key, arguments(*token)).await?,
                    false => stand.next().unwrap_or(false),
                });
            }
            Ok(all)
        })
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        Box::pin(async move {
            let mut calls = Vec::with_capacity(lifts.len());
            let mut is_table = Vec::with_capacity(lifts.len());
            for Lift { key, token, put } in lifts {
                is_table.push(key.is_table());
                if key.is_table() {
                    self.lift_table(&key, token).await?;
                    continue;
                }
                let mut arguments = vec![text(token)];
                if let Some(put) = put {
                    arguments.extend([encoded(put.payload)?, text(micros(put.life))]);
                }
                calls.push(Call::on(&key, arguments));
            }
            let answers = self.run(&scripts::current().lift, calls).await?;
            let mut puts = self.yes_or_no(answers)?.into_iter();
            Ok(is_table.into_iter().map(|table| !table && puts.next().unwrap_or(false)).collect())
        })
    }

    fn inspect<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<Inspection>> {
        Box::pin(self.inspect_entry(key))
    }

    fn declare<'a>(
        &'a self,
        table: &'a EntryKey,
        service: &'a str,
        text: &'a str,
        life: Duration,
    ) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        Box::pin(self.declare_on(table, service, text, life))
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async {
            let mut commands = Pipeline::with_capacity(1);
            commands.cmd("TIME");
            let answer = self.ask(self.link()?, &commands).await?.pop().unwrap_or(Value::Nil);
            let (seconds, micros): (u64, u64) =
                redis::from_redis_value(answer).map_err(|_| self.unexpected())?;
            Ok(seconds * 1_000_000 + micros)
        })
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.mark_all(marks))
    }
}

impl Redis {
    pub(super) fn micros(&self, answer: &Value) -> Result<u64> {
        match answer {
            Value::Int(at) => u64::try_from(*at).map_err(|_| self.unexpected()),
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn yes_or_no(&self, answers: Vec<Value>) -> Result<Vec<bool>> {
        answers
            .into_iter()
            .map(|answer| match answer {
                Value::Int(yes) => Ok(yes == 1),
                _ => Err(self.unexpected()),
            })
            .collect()
    }
}

/// The bytes of a payload.
fn encoded(payload: Payload) -> Result<Bytes> {
    match payload {
        Payload::Bytes(bytes) => Ok(bytes),
        Payload::Shared(_) => Err(Error::new(
            ErrorKind::Configuration,
            "a store with the form `Bytes` was given a value that is not encoded; ask \
             `Store::form` first",
        )),
    }
}

/// Whole milliseconds, within what Redis accepts.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(LONGEST)
}

/// Whole microseconds, within what Redis accepts and a script counts exactly.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(LONGEST * 1000)
}

pub(super) fn text(number: impl fmt::Display) -> Bytes {
    number.to_string().into()
}
