//! Random operations on the store in the process and on Redis, which must answer alike.

use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_runtime::ports::{Fence, Fill, Lease, Leased, Lift, Payload, Put, Store};
use cache_runtime::wire::{Header, Kind, close, open};
use cache_runtime::{EntryKey, InProcess, KeyWriter, Redis, Token};
use tokio::runtime::Builder;

use super::Servers;
use crate::bench::{PATIENCE, empty};
use crate::report::Report;
use crate::rng::Rng;

/// Operations in all at least, and in one round trip at most.
const OPERATIONS: usize = 1_000_000;
const BATCH: usize = 100;
const KEYS: usize = 60;
/// Long enough for nothing to expire meanwhile.
const LONG: Duration = Duration::from_secs(10_000);

pub fn hold(servers: &Servers, report: &mut Report) {
    let start = Instant::now();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let difference = runtime.block_on(differ(&servers.redis(3)));
    let line = format!(
        "{OPERATIONS} operations on the store in the process and on Redis, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    if let Some(difference) = &difference {
        println!("{difference}");
    }
    report.tally(&line, difference.is_none());
}

async fn differ(url: &str) -> Option<String> {
    empty(url).await;
    let redis = Redis::url(url).unwrap().response_timeout(PATIENCE);
    redis.start().await.unwrap();
    let in_process = InProcess::new();
    let mut rng = Rng::new(1);
    // What the last operations on each key were, and what they gave.
    let mut past: Vec<Vec<String>> = vec![Vec::new(); KEYS + 2];
    let mut done = 0;
    while done < OPERATIONS {
        let operation = Operation::draw(&mut rng);
        let (one, other) = (operation.run(&in_process).await, operation.run(&redis).await);
        done += one.len();
        for (at, (one, other)) in one.iter().zip(&other).enumerate() {
            let (key, part) = operation.part(at);
            past[key].push(format!("{part}: {one}"));
            if one != other {
                let table = KEYS + key % 2;
                let last = |key: usize| past[key].iter().rev().take(12).rev().cloned();
                let lines: Vec<String> = last(key).chain(last(table)).collect();
                return Some(format!("{}\nbut on Redis: {other}", lines.join("\n")));
            }
        }
    }
    None
}

/// A value: its version and its body.
type Drawn = (i64, u64);

/// One call, of operations of one kind.
enum Operation {
    Get(Vec<usize>),
    Lease(Vec<(usize, u128, bool)>),
    Fill(Vec<(usize, u128, i64, u64)>),
    Release(Vec<(usize, u128)>),
    Invalidate(Vec<usize>),
    Fence(Vec<(usize, u128)>),
    Renew(Vec<(usize, u128)>),
    Lift(Vec<(usize, u128, Option<Drawn>)>),
}

/// An entry of the first two thirds is one of a table; past the last comes a table as a whole.
fn key(number: usize) -> EntryKey {
    let mut writer = KeyWriter::default();
    writer.text(if number.is_multiple_of(2) { "even" } else { "odd" });
    let table = writer.as_bytes().len();
    if number >= KEYS {
        return EntryKey::in_table(writer, table);
    }
    writer.integer(number as i128);
    if number < KEYS / 3 * 2 {
        EntryKey::in_table(writer, table)
    } else {
        EntryKey::from_writer(writer)
    }
}

/// No row has version 0: the envelope says by it that there is none.
fn version(drawn: i64) -> Option<i64> {
    Some(drawn).filter(|version| *version != 0)
}

/// One of a few builds, so that they meet.
fn fingerprint(drawn: u64) -> u64 {
    7 + drawn % 4
}

/// Redis finds version and fingerprint in the envelope.
fn payload(version: i64, body: u64) -> Payload {
    let mut bytes = open(Header {
        codec: 1,
        kind: Kind::Row,
        present: true,
        fingerprint: fingerprint(body),
        version,
        leased_at: 0,
    });
    bytes.extend_from_slice(&body.to_le_bytes());
    Payload::Bytes(Bytes::from(close(bytes, 1000).unwrap()))
}

fn shown(payload: &Payload) -> String {
    match payload {
        Payload::Bytes(bytes) => format!("{:x?}", &bytes[..]),
        Payload::Shared(_) => "shared".to_owned(),
    }
}

impl Operation {
    fn draw(rng: &mut Rng) -> Self {
        // Few keys and few tokens: so they meet.
        fn entry(rng: &mut Rng) -> usize {
            rng.below(KEYS)
        }
        fn table(rng: &mut Rng) -> usize {
            KEYS + rng.below(2)
        }
        fn token(rng: &mut Rng) -> u128 {
            1 + rng.below(3) as u128
        }
        fn many<T>(rng: &mut Rng, one: impl Fn(&mut Rng) -> T) -> Vec<T> {
            (0..BATCH).map(|_| one(rng)).collect()
        }
        // A table as a whole is drawn now and then, alone: where one call has both, the tables
        // may come before the entries or after them.
        if rng.percent(10) {
            let (table, token) = (table(rng), token(rng));
            return match rng.below(4) {
                0 => Self::Invalidate(vec![table]),
                1 => Self::Fence(vec![(table, token)]),
                2 => Self::Renew(vec![(table, token)]),
                _ => Self::Lift(vec![(table, token, None)]),
            };
        }
        let value = |rng: &mut Rng| (rng.below(4) as i64 - 1, rng.next());
        match rng.below(11) {
            0 | 1 => Self::Get(many(rng, entry)),
            2 | 3 => Self::Lease(many(rng, |r| (entry(r), token(r), r.percent(20)))),
            4 | 5 => Self::Fill(many(rng, |r| {
                let (version, body) = value(r);
                (entry(r), token(r), version, body)
            })),
            6 => Self::Release(many(rng, |r| (entry(r), token(r)))),
            7 => {
                // All of them would leave little for the others.
                let few = 1 + rng.below(5);
                let spread = rng.below(KEYS);
                Self::Invalidate(many(rng, |r| (spread + r.below(few)) % KEYS))
            }
            8 => Self::Fence(many(rng, |r| (entry(r) / 3 * 3, token(r)))),
            9 => Self::Renew(many(rng, |r| (entry(r), token(r)))),
            _ => Self::Lift(many(rng, |r| {
                let put = r.percent(60).then(|| value(r));
                (entry(r), token(r), put)
            })),
        }
    }

    /// The key of one of the operations, and what it is.
    fn part(&self, at: usize) -> (usize, String) {
        match self {
            Self::Get(keys) | Self::Invalidate(keys) => (keys[at], self.name().to_owned()),
            Self::Lease(all) => (all[at].0, format!("{} {:?}", self.name(), all[at])),
            Self::Fill(all) => (all[at].0, format!("{} {:?}", self.name(), all[at])),
            Self::Release(all) | Self::Fence(all) | Self::Renew(all) => {
                (all[at].0, format!("{} {:?}", self.name(), all[at]))
            }
            Self::Lift(all) => (all[at].0, format!("{} {:?}", self.name(), all[at])),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Lease(_) => "lease",
            Self::Fill(_) => "fill",
            Self::Release(_) => "release",
            Self::Invalidate(_) => "invalidate",
            Self::Fence(_) => "fence",
            Self::Renew(_) => "renew",
            Self::Lift(_) => "lift",
        }
    }

    async fn run(&self, store: &impl Store) -> Vec<String> {
        let done = |count: usize| vec!["done".to_owned(); count];
        match self {
            Self::Get(keys) => {
                let keys: Vec<EntryKey> = keys.iter().map(|number| key(*number)).collect();
                let found = store.get(&keys).await.unwrap();
                found.iter().map(|found| found.as_ref().map_or("none".into(), shown)).collect()
            }
            Self::Lease(wishes) => {
                let wish = |(number, token, force): &(usize, u128, bool)| Lease {
                    key: key(*number),
                    token: Token(*token),
                    expiry: LONG,
                    force: *force,
                    fingerprint: fingerprint(*token as u64),
                };
                let wishes: Vec<Lease> = wishes.iter().map(wish).collect();
                let leased = store.lease(&wishes).await.unwrap();
                let show = |leased: &Leased| match leased {
                    Leased::Hit(payload) => shown(payload),
                    Leased::Granted(_) => "granted".into(),
                    Leased::Held => "held".into(),
                    Leased::Bypass => "bypass".into(),
                };
                leased.iter().map(show).collect()
            }
            Self::Fill(fills) => {
                let fill = |(number, token, version, body): &(usize, u128, i64, u64)| Fill {
                    key: key(*number),
                    token: Token(*token),
                    payload: payload(*version, *body),
                    version: self::version(*version),
                    life: LONG,
                };
                let filled = store.fill(fills.iter().map(fill).collect()).await.unwrap();
                filled.iter().map(|filled| format!("{filled:?}")).collect()
            }
            Self::Release(leases) => {
                store.release(&tokens(leases)).await.unwrap();
                done(leases.len())
            }
            Self::Invalidate(keys) => {
                let keys: Vec<EntryKey> = keys.iter().map(|number| key(*number)).collect();
                store.invalidate(&keys).await.unwrap();
                done(keys.len())
            }
            Self::Fence(fences) => {
                let fence = |(key, token): (EntryKey, Token)| Fence { key, token, expiry: LONG };
                let fences: Vec<Fence> = tokens(fences).into_iter().map(fence).collect();
                done(store.fence(&fences).await.unwrap().len())
            }
            Self::Renew(fences) => {
                let stand = store.renew(&tokens(fences), LONG).await.unwrap();
                stand.iter().map(bool::to_string).collect()
            }
            Self::Lift(lifts) => {
                let lift = |(number, token, put): &(usize, u128, Option<(i64, u64)>)| Lift {
                    key: key(*number),
                    token: Token(*token),
                    put: put.map(|(version, body)| Put {
                        payload: payload(version, body),
                        version: self::version(version),
                        life: LONG,
                    }),
                };
                let put = store.lift(lifts.iter().map(lift).collect()).await.unwrap();
                put.iter().map(bool::to_string).collect()
            }
        }
    }
}

fn tokens(of: &[(usize, u128)]) -> Vec<(EntryKey, Token)> {
    of.iter().map(|(number, token)| (key(*number), Token(*token))).collect()
}
