//! The operations of the store, as commands and scripts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use redis::{Pipeline, Value};

use super::{Call, Redis, keys, scripts};
use crate::ports::BoxFuture;
use crate::ports::store::{
    Fence, Fill, Filled, Form, Lease, Leased, Lift, Payload, Store, StoreFacts,
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
            let mut command = match keys.len() {
                0 => return Ok(Vec::new()),
                1 => redis::cmd("GET"),
                _ => redis::cmd("MGET"),
            };
            for key in keys {
                command.arg(keys::value(key));
            }
            let mut commands = Pipeline::with_capacity(1);
            commands.add_command(command);
            let mut answers = self.ask(self.link()?, &commands).await?;
            if let Some(Value::Array(values)) = answers.first_mut() {
                answers = std::mem::take(values);
            }
            if answers.len() != keys.len() {
                return Err(self.unexpected());
            }
            answers
                .into_iter()
                .map(|answer| match answer {
                    Value::BulkString(bytes) => Ok(Some(Payload::Bytes(bytes.into()))),
                    Value::Nil => Ok(None),
                    _ => Err(self.unexpected()),
                })
                .collect()
        })
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        Box::pin(async move {
            let calls = leases.iter().map(|lease| Call {
                key: lease.key.clone(),
                arguments: vec![
                    text(lease.token),
                    text(millis(lease.expiry).max(1)),
                    text(u8::from(lease.force)),
                ],
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
                calls.push(Call { key, arguments });
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
            let calls = leases
                .iter()
                .map(|(key, token)| Call { key: key.clone(), arguments: vec![text(token)] });
            self.run(&scripts::current().release, calls.collect()).await.map(drop)
        })
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let calls = keys.iter().map(|key| Call { key: key.clone(), arguments: Vec::new() });
            self.run(&scripts::current().invalidate, calls.collect()).await.map(drop)
        })
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        Box::pin(async move {
            let calls = fences.iter().map(|fence| Call {
                key: fence.key.clone(),
                arguments: vec![text(fence.token), text(millis(fence.expiry).max(1))],
            });
            self.run(&scripts::current().fence, calls.collect())
                .await?
                .into_iter()
                .map(|answer| match answer {
                    Value::Int(at) => u64::try_from(at).map_err(|_| self.unexpected()),
                    _ => Err(self.unexpected()),
                })
                .collect()
        })
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let calls = fences.iter().map(|(key, token)| Call {
                key: key.clone(),
                arguments: vec![text(token), text(millis(expiry).max(1))],
            });
            let answers = self.run(&scripts::current().renew, calls.collect()).await?;
            self.yes_or_no(answers)
        })
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        Box::pin(async move {
            let mut calls = Vec::with_capacity(lifts.len());
            for Lift { key, token, put } in lifts {
                let mut arguments = vec![text(token)];
                if let Some(put) = put {
                    arguments.extend([encoded(put.payload)?, text(micros(put.life))]);
                }
                calls.push(Call { key, arguments });
            }
            let answers = self.run(&scripts::current().lift, calls).await?;
            self.yes_or_no(answers)
        })
    }
}

impl Redis {
    fn yes_or_no(&self, answers: Vec<Value>) -> Result<Vec<bool>> {
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
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(LONGEST)
}

/// Whole microseconds, within what Redis accepts and a script counts exactly.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(LONGEST * 1000)
}

fn text(number: impl fmt::Display) -> Bytes {
    number.to_string().into()
}
