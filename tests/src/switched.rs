//! A store that fails over to another, and whose clock can be set back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::ports::{
    BoxFuture, Fence, Fill, Filled, Form, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use cache_runtime::{EntryKey, Result, Token};

const HOUR: u64 = 3_600_000_000;

/// The store that clients reach, whichever it is now.
#[derive(Clone)]
pub struct Switched(Arc<Mutex<State>>);

struct State {
    store: Arc<dyn Store>,
    /// By how much the time that clients are told is ahead of the store's own, in microseconds.
    ahead: u64,
    /// The watermarks as they were set last.
    marks: HashMap<(EntryKey, u32), Mark>,
}

impl Switched {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(Arc::new(Mutex::new(State { store, ahead: HOUR, marks: HashMap::new() })))
    }

    /// From now on clients reach this one.
    pub async fn fail_over(&self, store: Arc<dyn Store>) {
        store.start().await.unwrap();
        self.0.lock().unwrap().store = store;
    }

    /// Sets its clock back: what was to expire then lives longer by as much.
    pub async fn set_back(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap();
        let (store, marks) = {
            let mut state = self.0.lock().unwrap();
            state.ahead -= by;
            let longer = |mark: &Mark| Mark { deadline: mark.deadline + by, ..mark.clone() };
            (state.store.clone(), state.marks.values().map(longer).collect::<Vec<_>>())
        };
        assert!(store.mark(&marks).await.unwrap().contains(&true), "there are watermarks");
    }

    fn now(&self) -> Arc<dyn Store> {
        self.0.lock().unwrap().store.clone()
    }
}

/// The same call of the store that is reached now.
macro_rules! pass {
    ($self:ident.$operation:ident($($argument:ident),*)) => {{
        let store = $self.now();
        Box::pin(async move { store.$operation($($argument),*).await })
    }};
}

impl Store for Switched {
    fn tier(&self) -> &'static str {
        self.now().tier()
    }

    fn form(&self) -> Form {
        // Either kind of store keeps bytes.
        Form::Bytes
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        pass!(self.start())
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        pass!(self.get(keys))
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        pass!(self.lease(leases))
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        pass!(self.fill(fills))
    }

    fn release<'a>(&'a self, leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        pass!(self.release(leases))
    }

    fn invalidate<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        pass!(self.invalidate(keys))
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        pass!(self.fence(fences))
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        pass!(self.renew(fences, expiry))
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        pass!(self.lift(lifts))
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        let (store, ahead) = (self.now(), self.0.lock().unwrap().ahead);
        Box::pin(async move { Ok(store.time().await? + ahead) })
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let (store, marks) = {
                let mut state = self.0.lock().unwrap();
                let ahead = state.ahead;
                let there = |mark: &Mark| Mark { deadline: mark.deadline - ahead, ..mark.clone() };
                let marks: Vec<Mark> = marks.iter().map(there).collect();
                for mark in &marks {
                    let name = mark.turn.as_ref().map_or(mark.seen, |turn| turn.name);
                    let last = Mark { seen: name, turn: None, ..mark.clone() };
                    state.marks.insert((mark.table.clone(), mark.bucket), last);
                }
                (state.store.clone(), marks)
            };
            store.mark(&marks).await
        })
    }
}
