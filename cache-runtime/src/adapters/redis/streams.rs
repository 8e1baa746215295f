//! Domain events from a stream of Redis, by a consumer group.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use rand::random;
use redis::{FromRedisValue, Pipeline, ServerError, Value, from_redis_value};

use super::replies::{Id, entries, refusals};
use super::{Redis, link::Link, refusal};
use crate::ports::BoxFuture;
use crate::ports::event_source::{Batch, DomainEvent, EventSource, Gaps, Guarantee, SetAside, Why};
use crate::values::error::{Error, ErrorKind, Result};

/// A consumer that never reads. A group without it is not the one that was known, and nobody knows
/// what was sent between the end of that one and the beginning of this.
const KNOWN: &str = "cache-runtime";
/// The look and the read.
const READ: &str = include_str!("read_events.lua");
/// How many events are read at once.
const MOST: usize = 256;

/// Domain events from a stream on Redis 7.0 or later, or Valkey: `XADD orders * type order.changed
/// key 17 id e-4711 version 5`, with any other fields beside.
///
/// All processes with the same group share the work. An entry is acknowledged when all that it
/// concerns is removed from the cache; one whose reader died is claimed by another after
/// [`redelivers`](Self::redelivers). A gap is told where the stream was trimmed past what the group has
/// read, or entries were deleted, and where the stream or the group was lost or made anew; also at the very
/// beginning. Whoever writes the stream trims it.
///
/// What cannot be read, or has a type that no model takes, is kept in the stream `<stream>:aside`.
///
/// The server's durability is the events': what an asynchronous failover loses before anybody has
/// read it is lost without a trace.
pub struct RedisStream {
    redis: Redis,
    stream: String,
    group: String,
    consumer: String,
    ahead: Duration,
    redelivers: Duration,
    kept: usize,
    seen: Mutex<Seen>,
}

/// What this process remembers of the stream.
#[derive(Default)]
struct Seen {
    /// The last entry that there ever was.
    last: Id,
    /// All that was lost up to here is void, or will be when the gap is closed.
    void: Id,
    closing: Id,
}

impl RedisStream {
    /// Consumes `stream` on the server at this URL, which is as for [`Redis::url`], as a member of `group`.
    /// All processes with one shared cache name the same group, and others another.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the URL is not of that form.
    pub fn url(url: &str, stream: impl Into<String>, group: impl Into<String>) -> Result<Self> {
        Ok(Self {
            redis: Redis::url(url)?,
            stream: stream.into(),
            group: group.into(),
            consumer: format!("{KNOWN}-{:032x}", random::<u128>()),
            ahead: Duration::from_secs(1),
            redelivers: Duration::from_secs(30),
            kept: 10_000,
            seen: Mutex::default(),
        })
    }

    /// How far an event may run ahead of the commit that it tells of; 1 s by default.
    #[must_use]
    pub fn ahead(mut self, time: Duration) -> Self {
        self.ahead = time;
        self
    }

    /// After how long an event that somebody has read and not acknowledged is taken over; 30 s by
    /// default. Longer than [`ahead`](Self::ahead), or each event is applied more than once.
    #[must_use]
    pub fn redelivers(mut self, time: Duration) -> Self {
        self.redelivers = time;
        self
    }

    /// How many of the events that were set aside are kept, at least; 10,000 by default. The oldest go
    /// first.
    #[must_use]
    pub fn keep(mut self, events: usize) -> Self {
        self.kept = events;
        self
    }

    /// How long connecting and an answer may take; 1 s and 500 ms by default.
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, response: Duration) -> Self {
        self.redis = self.redis.connect_timeout(connect).response_timeout(response);
        self
    }

    fn aside(&self) -> String {
        format!("{}:aside", self.stream)
    }

    async fn link(&self) -> Result<&Link> {
        if self.redis.link.get().is_none() {
            let link = self.redis.connect().await?;
            let _ = self.redis.link.set(link);
        }
        self.redis.link()
    }

    async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>> {
        let link = self.link().await?;
        link.send(commands).await.map_err(|source| self.redis.away(source))
    }

    /// The first refusal among these answers, but for those with one of these codes.
    fn accept(&self, answers: &[Value], but: &[&str]) -> Result<()> {
        let refused = answers.iter().flat_map(refusals).find(|error| !but.contains(&error.code()));
        match refused {
            Some(error) if is_forbidden(error) => Err(Error::new(
                ErrorKind::Configuration,
                format!("events cannot be read: {error}; let the ACL user do `{}`", self.rights()),
            )),
            Some(error) => Err(self.redis.refused(error)),
            None => Ok(()),
        }
    }

    fn rights(&self) -> String {
        format!(
            "~{} ~{} +info +time +multi +exec +eval +xinfo|stream +xinfo|groups +xinfo|consumers \
             +xgroup|create +xgroup|createconsumer +xgroup|delconsumer +xreadgroup +xautoclaim \
             +xpending +xack +xadd",
            self.stream,
            self.aside()
        )
    }

    /// Does everything once to no effect, on a group that there is not.
    async fn rehearse(&self) -> Result<()> {
        let (stream, aside) = (&self.stream, &self.aside());
        let nobody = &format!("{KNOWN}-{:032x}", random::<u128>());
        let mut all = Pipeline::new();
        all.cmd("INFO").arg("server");
        all.cmd("MULTI");
        all.cmd("TIME");
        all.cmd("EXEC");
        all.cmd("XINFO").arg("STREAM").arg(stream);
        all.cmd("XINFO").arg("GROUPS").arg(stream);
        all.cmd("XINFO").arg("CONSUMERS").arg(stream).arg(nobody);
        all.cmd("XGROUP").arg("CREATECONSUMER").arg(stream).arg(nobody).arg(KNOWN);
        all.cmd("XGROUP").arg("DELCONSUMER").arg(stream).arg(nobody).arg(KNOWN);
        let read = all.cmd("XREADGROUP").arg("GROUP").arg(nobody).arg(&self.consumer);
        read.arg("COUNT").arg(1).arg("STREAMS").arg(stream).arg(">");
        let claim = all.cmd("XAUTOCLAIM").arg(stream).arg(nobody).arg(&self.consumer);
        claim.arg(1).arg("0-0");
        self.ask(&mut all, nobody, (Id::default(), Id::default()));
        all.cmd("XPENDING").arg(stream).arg(nobody);
        all.cmd("XACK").arg(stream).arg(nobody).arg("0-1");
        // No entry has this name.
        all.cmd("XADD").arg(aside).arg("0-0").arg("a").arg("b");
        let answers = self.send(&all).await?;
        // Without a stream or a group there are errors enough; what counts is the missing right.
        self.accept(&answers, &["ERR", "NOGROUP"])?;
        let info: String = answers
            .into_iter()
            .next()
            .map(from_redis_value)
            .and_then(|it| it.ok())
            .unwrap_or_default();
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        match major.is_some_and(|major| major < 7) {
            true => Err(Error::new(
                ErrorKind::Configuration,
                "events are read from a Redis before 7.0, which does not tell what was trimmed; use 7.0 \
                 or later, or Valkey",
            )),
            false => Ok(()),
        }
    }

    /// Makes the group where it is missing: from now on, as all before is void.
    async fn create(&self) -> Result<()> {
        let mut create = Pipeline::new();
        create
            .cmd("XGROUP")
            .arg("CREATE")
            .arg(&self.stream)
            .arg(&self.group)
            .arg("$")
            .arg("MKSTREAM");
        let answers = self.send(&create).await?;
        self.accept(&answers, &["BUSYGROUP"])
    }

    async fn batch(&self) -> Result<Batch> {
        let (void, last) = {
            let seen = self.seen.lock();
            (seen.void, seen.last)
        };
        let mut all = Pipeline::new();
        self.ask(&mut all, &self.group, (void, last));
        let answer = self.send(&all).await?.pop().unwrap_or(Value::Nil);
        self.accept(std::slice::from_ref(&answer), &[])?;
        let unexpected = || self.redis.unexpected();
        let parts: Vec<Value> = from_redis_value(answer).map_err(|_| unexpected())?;
        let mut parts = VecDeque::from(parts);
        let what: String = next(&mut parts).ok_or_else(unexpected)?;
        let stream = &self.stream;
        match what.as_str() {
            "gone" => {
                self.create().await?;
                // What comes now is another stream, which has not gone back where it begins anew.
                *self.seen.lock() = Seen::default();
                let why = format!("the stream `{stream}` or its group `{}` is gone", self.group);
                Ok(Batch { events: Vec::new(), gap: Some(why) })
            }
            "lost" => {
                let why: String = next(&mut parts).ok_or_else(unexpected)?;
                let last: String = next(&mut parts).ok_or_else(unexpected)?;
                let mut seen = self.seen.lock();
                (seen.last, seen.closing) = (Id::of(&last), Id::of(&last));
                Ok(Batch { events: Vec::new(), gap: Some(format!("stream `{stream}`: {why}")) })
            }
            _ => {
                let time: u64 = next(&mut parts).ok_or_else(unexpected)?;
                let last: String = next(&mut parts).ok_or_else(unexpected)?;
                self.seen.lock().last = Id::of(&last);
                let all = parts.into_iter().flat_map(entries);
                let events = all.map(|(id, fields)| event(id, fields, time)).collect();
                Ok(Batch { events, gap: None })
            }
        }
    }

    /// Looks for what was lost, and reads if nothing was. In one step: nobody trims between the two.
    fn ask(&self, all: &mut Pipeline, group: &str, (void, last): (Id, Id)) {
        let idle = u64::try_from(self.redelivers.as_millis()).unwrap_or(u64::MAX);
        let eval = all.cmd("EVAL").arg(READ).arg(1).arg(&self.stream).arg(group);
        eval.arg(&self.consumer).arg(KNOWN).arg(idle).arg(MOST);
        eval.arg(void.to_string()).arg(last.to_string());
    }
}

impl EventSource for RedisStream {
    fn name(&self) -> &str {
        &self.stream
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::new(Gaps::Told, true, self.ahead, self.redelivers)
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.rehearse().await?;
            self.create().await
        })
    }

    fn read(&self) -> BoxFuture<'_, Result<Batch>> {
        Box::pin(self.batch())
    }

    fn acknowledge<'a>(&'a self, positions: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut all = Pipeline::new();
            all.cmd("XACK").arg(&self.stream).arg(&self.group).arg(positions);
            let answers = self.send(&all).await?;
            self.accept(&answers, &["NOGROUP"])
        })
    }

    fn keep<'a>(&'a self, events: &'a [SetAside]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut all = Pipeline::new();
            all.cmd("MULTI");
            for SetAside { event, why, error } in events {
                let why = match why {
                    Why::Unknown => "unknown",
                    Why::Poison => "poison",
                };
                let add = all.cmd("XADD").arg(self.aside()).arg("MAXLEN").arg("~").arg(self.kept);
                add.arg("*").arg("position").arg(&event.position).arg("why").arg(why);
                add.arg("error").arg(error).arg("type").arg(&event.kind);
                for (name, value) in
                    [("key", &event.key), ("id", &event.id), ("version", &event.version)]
                {
                    if let Some(value) = value {
                        add.arg(name).arg(value);
                    }
                }
                for (name, value) in &event.fields {
                    add.arg(name).arg(value);
                }
                all.cmd("XACK").arg(&self.stream).arg(&self.group).arg(&event.position);
            }
            all.cmd("EXEC");
            let answers = self.send(&all).await?;
            self.accept(&answers, &["NOGROUP"])
        })
    }

    fn close_gap(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let mut all = Pipeline::new();
            let known = all.cmd("XGROUP").arg("CREATECONSUMER").arg(&self.stream);
            known.arg(&self.group).arg(KNOWN);
            let answers = self.send(&all).await?;
            self.accept(&answers, &[])?;
            let mut seen = self.seen.lock();
            seen.void = seen.closing;
            Ok(())
        })
    }

    fn leave(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let mut all = Pipeline::new();
            let pending = all.cmd("XPENDING").arg(&self.stream).arg(&self.group);
            pending.arg("-").arg("+").arg(1).arg(&self.consumer);
            let pending = self.send(&all).await?.pop().unwrap_or(Value::Nil);
            // With its last events a consumer's name must stay, or nobody could claim them.
            if refusal(&pending).is_some() || !entries_are_none(&pending) {
                return Ok(());
            }
            let mut all = Pipeline::new();
            let remove = all.cmd("XGROUP").arg("DELCONSUMER").arg(&self.stream);
            remove.arg(&self.group).arg(&self.consumer);
            self.send(&all).await.map(drop)
        })
    }
}

/// Whether a right is missing: told of a command, or of the transaction that it is in.
fn is_forbidden(error: &ServerError) -> bool {
    error.code() == "NOPERM" || error.details().is_some_and(|it| it.contains("NOPERM"))
}

fn entries_are_none(answer: &Value) -> bool {
    matches!(answer, Value::Array(all) if all.is_empty())
}

/// The next part of an answer.
fn next<T: FromRedisValue>(parts: &mut VecDeque<Value>) -> Option<T> {
    parts.pop_front().and_then(|part| from_redis_value(part).ok())
}

fn event(position: String, fields: HashMap<String, String>, now: u64) -> DomainEvent {
    let sent = Id::of(&position).milliseconds();
    let mut event = DomainEvent {
        position,
        age: Duration::from_millis((now * 1000).saturating_sub(sent)),
        ..DomainEvent::default()
    };
    for (name, value) in fields {
        match name.as_str() {
            "type" => event.kind = value,
            "key" => event.key = Some(value),
            "id" => event.id = Some(value),
            "version" => event.version = Some(value),
            _ => event.fields.push((name, value)),
        }
    }
    event.fields.sort();
    event
}
