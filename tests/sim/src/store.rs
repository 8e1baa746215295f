//! The store as a process sees it: each operation waits for the scheduler.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use cache_runtime::{EntryKey, KeyWriter, Result, Token};

use crate::world::{Asked, Kind, Standing, World};

pub struct SimStore {
    pub inner: Arc<dyn Store>,
    pub world: Arc<World>,
    pub process: usize,
}

impl SimStore {
    fn asked<'a>(&self, kind: Kind, keys: impl Iterator<Item = &'a EntryKey>) -> Asked {
        let mut names: Vec<String> = keys.map(name).collect();
        // In some of the runtime's lists the order is that of a hash map.
        names.sort();
        Asked { process: self.process, kind, label: names.join(" "), transaction: None }
    }
}

/// The entry of a row.
pub fn row_key(table: &str, kind: &str, id: i64) -> EntryKey {
    let mut writer = KeyWriter::default();
    ["", table, kind].iter().for_each(|part| writer.text(part));
    writer.integer(id.into());
    EntryKey::from_writer(writer)
}

/// A key without what all keys begin with.
pub fn name(key: &EntryKey) -> String {
    let text = String::from_utf8_lossy(key.as_bytes()).into_owned();
    let kinds = ["s3:row", "s2:by", "s5:whole"];
    let start = kinds.iter().find_map(|kind| text.find(kind));
    // Of two tables, which one.
    let of = if text.contains("s5:items") { "items " } else { "" };
    start.map_or_else(|| format!("{of}table"), |start| format!("{of}{}", &text[start..]))
}

fn show_all<T>(all: &[T], show: impl Fn(&T) -> &'static str) -> String {
    all.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn yes_or_no(yes: &bool) -> &'static str {
    if *yes { "yes" } else { "no" }
}

impl Store for SimStore {
    fn tier(&self) -> &'static str {
        "simulated"
    }

    fn form(&self) -> Form {
        // As for a store that processes share: what one has encoded, the other decodes.
        Form::Bytes
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        // Every process of a world has it.
        Box::pin(async { Ok(StoreFacts { instance: None, ..self.inner.start().await? }) })
    }

    // `peek` stays as it is in the trait, so that every read is an operation.

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        let (inner, owned) = (self.inner.clone(), keys.to_vec());
        let show = |found: &Vec<Option<Payload>>| {
            show_all(found, |found| if found.is_some() { "hit" } else { "miss" })
        };
        Box::pin(self.world.ask(self.asked(Kind::Get, keys.iter()), show, move || {
            Box::pin(async move { inner.get(&owned).await })
        }))
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        let (inner, owned) = (self.inner.clone(), leases.to_vec());
        let show = |leased: &Vec<Leased>| {
            show_all(leased, |leased| match leased {
                Leased::Hit(_) => "hit",
                Leased::Granted(_) => "granted",
                Leased::Held => "held",
                Leased::Bypass => "bypass",
            })
        };
        let keys = leases.iter().map(|lease| &lease.key);
        Box::pin(self.world.ask(self.asked(Kind::Lease, keys), show, move || {
            Box::pin(async move { inner.lease(&owned).await })
        }))
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        let inner = self.inner.clone();
        let show = |filled: &Vec<Filled>| {
            show_all(filled, |filled| match filled {
                Filled::Accepted => "accepted",
                Filled::LeaseLost => "lost",
                Filled::TooLate => "too-late",
                Filled::Older => "older",
            })
        };
        let asked = self.asked(Kind::Fill, fills.iter().map(|fill| &fill.key));
        Box::pin(
            self.world.ask(asked, show, move || Box::pin(async move { inner.fill(fills).await })),
        )
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        let (inner, owned) = (self.inner.clone(), leases.to_vec());
        let asked = self.asked(Kind::Release, leases.iter().map(|(key, _)| key));
        Box::pin(self.world.ask(
            asked,
            |()| "done".into(),
            move || Box::pin(async move { inner.release(&owned).await }),
        ))
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        let (inner, owned) = (self.inner.clone(), keys.to_vec());
        let (world, process) = (self.world.clone(), self.process);
        let asked = self.asked(Kind::Invalidate, keys.iter());
        let names = asked.label.clone();
        Box::pin(self.world.ask(
            asked,
            |()| "done".into(),
            move || {
                Box::pin(async move {
                    inner.invalidate(&owned).await?;
                    world.state().history.hear(process, &names);
                    Ok(())
                })
            },
        ))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        let (inner, owned) = (self.inner.clone(), fences.to_vec());
        let (world, process) = (self.world.clone(), self.process);
        let asked = self.asked(Kind::Fence, fences.iter().map(|fence| &fence.key));
        let names = asked.label.clone();
        let show = |_: &Vec<u64>| "done".into();
        Box::pin(self.world.ask(asked, show, move || {
            Box::pin(async move {
                let at = inner.fence(&owned).await?;
                let now = world.time.now();
                let stand = owned.iter().map(|fence| {
                    let (token, until) = (fence.token, now + fence.expiry);
                    Standing { process, token, until }
                });
                let mut state = world.state();
                state.fences.extend(stand);
                state.history.hear(process, &names);
                Ok(at)
            })
        }))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        let (inner, owned) = (self.inner.clone(), fences.to_vec());
        let world = self.world.clone();
        let asked = self.asked(Kind::Renew, fences.iter().map(|(key, _)| key));
        let show = |stand: &Vec<bool>| show_all(stand, yes_or_no);
        Box::pin(self.world.ask(asked, show, move || {
            Box::pin(async move {
                let stand = inner.renew(&owned, expiry).await?;
                let until = world.time.now() + expiry;
                for fence in &mut world.state().fences {
                    if owned.iter().any(|(_, token)| *token == fence.token) {
                        fence.until = until;
                    }
                }
                Ok(stand)
            })
        }))
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        let (inner, world) = (self.inner.clone(), self.world.clone());
        let asked = self.asked(Kind::Lift, lifts.iter().map(|lift| &lift.key));
        let show = |put: &Vec<bool>| show_all(put, yes_or_no);
        Box::pin(self.world.ask(asked, show, move || {
            Box::pin(async move {
                let tokens: Vec<Token> = lifts.iter().map(|lift| lift.token).collect();
                let put = inner.lift(lifts).await?;
                world.state().fences.retain(|fence| !tokens.contains(&fence.token));
                Ok(put)
            })
        }))
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        let inner = self.inner.clone();
        let asked = self.asked(Kind::Time, std::iter::empty());
        Box::pin(self.world.ask(
            asked,
            |time| format!("{time}"),
            move || Box::pin(async move { inner.time().await }),
        ))
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        let (inner, owned) = (self.inner.clone(), marks.to_vec());
        let asked = self.asked(Kind::Mark, std::iter::empty());
        let show = |stand: &Vec<bool>| show_all(stand, yes_or_no);
        Box::pin(
            self.world.ask(asked, show, move || Box::pin(async move { inner.mark(&owned).await })),
        )
    }
}
