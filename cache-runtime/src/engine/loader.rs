//! The way of a miss: lease, database, fill; shared by all who miss.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::ports::BoxFuture;
use crate::ports::clock::{Clock, Tokens};
use crate::ports::store::Lease;
use crate::ports::telemetry::Event;
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::EntryKey;
use crate::values::moment::Moment;
use crate::values::policy::{Consistency, Policy};
use crate::values::token::Token;

use super::entry::{Cacheable, Entry};
use super::flight::{Flights, Landing, Passenger, Pilot};
use super::in_flight::{InFlight, Ticket};
use super::tier::{Filling, Lent, Tier};

/// One kind of entry: what names it, what is kept, what callers get.
pub(crate) trait Entries: Send + Sync + 'static {
    /// What names a value to the database.
    type Id: Clone + Send + Sync + 'static;
    /// What the cache keeps.
    type Value: Cacheable;
    /// What callers get.
    type Answer: Clone + Send + Sync + 'static;
}

/// Where the truth of one kind of entry comes from.
pub(crate) trait Source: Entries {
    /// Reads all of them from the primary, answers in the order of the ids.
    fn load(&self, ids: Vec<Self::Id>) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;

    /// The answer that an entry gives.
    fn answer(&self, entry: Entry<Self::Value>) -> Self::Answer;

    /// The entry to keep for an answer; none if it must not be kept under this id.
    fn entry(&self, id: &Self::Id, answer: &Self::Answer) -> Option<Entry<Self::Value>>;
}

/// How long things may take on the way of a miss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeasePolicy {
    /// A lease that was neither filled nor released ends after this.
    pub(crate) expiry: Duration,
    /// How long to wait for another process's fill before reading the database without filling.
    pub(crate) patience: Duration,
}

/// The first pause before a lease that is held is asked for again.
const PAUSE: Duration = Duration::from_millis(2);

tokio::task_local! {
    /// The entries that the present task is loading, and those of the load that
    /// asked for it.
    static LOADING: Arc<Chain>;
}

struct Chain {
    keys: Vec<EntryKey>,
    outer: Option<Arc<Chain>>,
}

impl Chain {
    fn holds(&self, key: &EntryKey) -> bool {
        self.keys.contains(key) || self.outer.as_ref().is_some_and(|outer| outer.holds(key))
    }
}

/// Loads the entries of one source.
pub(crate) struct Loader<S: Entries> {
    pub(crate) source: S,
    pub(crate) tier: Arc<Tier>,
    pub(crate) flights: Flights<S::Answer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) policy: Policy,
    pub(crate) lease: LeasePolicy,
    pub(crate) in_flight: InFlight,
}

/// One entry under way.
struct Leg<S: Entries> {
    id: S::Id,
    pilot: Pilot<S::Answer>,
    ticket: Ticket,
}

impl<S: Entries> Leg<S> {
    /// Lands, or gives itself back for another round.
    fn land(self) -> Option<Self> {
        let Self { id, pilot, ticket } = self;
        pilot.land().map(|pilot| Self { id, pilot, ticket })
    }
}

/// Ready to be read, to wait for, to be flown again.
type Leases<S> = (Vec<Ready<S>>, Vec<Leg<S>>, Vec<Leg<S>>);

/// A leg whose turn it is to be read, with its lease if it may be filled.
struct Ready<S: Entries> {
    leg: Leg<S>,
    lease: Option<(Token, u64)>,
}

impl<S: Source> Loader<S> {
    /// Boards or begins a flight for each of these distinct entries, and waits for all.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        wanted: Vec<(S::Id, EntryKey)>,
    ) -> Result<Vec<Landing<S::Answer>>> {
        let outer = LOADING.try_with(Arc::clone).ok();
        if let Some(outer) = &outer
            && wanted.iter().any(|(_, key)| outer.holds(key))
        {
            return Err(Error::new(
                ErrorKind::Reentrant,
                "a load asked for the entry that it is loading; read it with `find_uncached` there",
            ));
        }
        let mut legs = Vec::new();
        let mut passengers: Vec<Passenger<_>> = Vec::with_capacity(wanted.len());
        for (id, key) in wanted {
            let (pilot, passenger) = self.flights.board(&key);
            passengers.push(passenger);
            match pilot {
                Some(pilot) => legs.push(Leg { id, pilot, ticket: self.in_flight.ticket() }),
                None => self.tier.event(Event::Coalesced),
            }
        }
        if !legs.is_empty() {
            let keys = legs.iter().map(|leg: &Leg<S>| leg.pilot.key().clone()).collect();
            let span =
                tracing::debug_span!("cache.load", model = self.tier.model(), entries = legs.len());
            let this = self.clone();
            let flight = async move { this.fly(legs).await }.instrument(span);
            tokio::spawn(LOADING.scope(Arc::new(Chain { keys, outer }), flight));
        }
        let mut landings = Vec::with_capacity(passengers.len());
        for passenger in passengers {
            landings.push(passenger.landing().await);
        }
        Ok(landings)
    }

    /// Loads one entry whatever the cache says, and fills it before answering.
    pub(crate) async fn refresh(&self, id: S::Id, key: EntryKey) -> Result<S::Answer> {
        let _ticket = self.in_flight.ticket();
        let lease = self.wish(&key, true);
        let token = lease.token;
        let lent = self.tier.lease::<S::Value>(&[lease]).await.pop();
        let answer = match self.load(vec![id.clone()]).await {
            Ok(mut answers) => answers.pop().ok_or_else(short)?,
            Err(error) => {
                self.tier.release(&[(key, token)]).await;
                return Err(error);
            }
        };
        if let Some(Lent::Granted(leased_at)) = lent {
            match self.filling(&id, &answer, &key, token, leased_at) {
                Some(filling) => drop(self.tier.fill(&[filling]).await),
                None => self.tier.release(&[(key, token)]).await,
            }
        }
        Ok(answer)
    }

    /// Flies all legs to their end, round by round. Those whose lease another process holds
    /// must not hold up the others, so each side has its own pace from there on.
    fn fly(self: Arc<Self>, legs: Vec<Leg<S>>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut began = self.clock.now();
            let (mut waiting, mut pause) = (legs, PAUSE);
            while !waiting.is_empty() {
                let (ready, held, mut again) = self.lease(waiting, began).await;
                if held.is_empty() {
                    again.extend(self.read(ready).await);
                    (waiting, began, pause) = (again, self.clock.now(), PAUSE);
                    continue;
                }
                if !ready.is_empty() || !again.is_empty() {
                    let this = self.clone();
                    let others = async move {
                        again.extend(this.read(ready).await);
                        this.fly(again).await;
                    };
                    tokio::spawn(LOADING.scope(LOADING.get(), others.in_current_span()));
                }
                self.clock.sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(50));
                waiting = held;
            }
        })
    }

    /// Those that may be read now, those to wait for, and those that were there but came
    /// too late for somebody aboard.
    async fn lease(&self, legs: Vec<Leg<S>>, began: Moment) -> Leases<S> {
        // A value that is there could not be served unseen, so it is not waited for either.
        let force = self.policy.promise() == Consistency::Validated;
        let leases: Vec<Lease> = legs.iter().map(|leg| self.wish(leg.pilot.key(), force)).collect();
        let before: Vec<u64> = legs.iter().map(|leg| leg.pilot.step()).collect();
        let lent = self.tier.lease::<S::Value>(&leases).await;
        let patient = self.clock.now().since(began) < self.lease.patience;
        let (mut ready, mut held, mut again) = (Vec::new(), Vec::new(), Vec::new());
        for (((leg, lease), before), lent) in legs.into_iter().zip(leases).zip(before).zip(lent) {
            match lent {
                // Filled since the caller looked. Only who came before we looked shares it.
                Lent::Hit(entry) => {
                    leg.pilot.answer(Ok(self.source.answer(entry)), before);
                    again.extend(leg.land());
                }
                Lent::Granted(at) => ready.push(Ready { leg, lease: Some((lease.token, at)) }),
                Lent::Held if patient => held.push(leg),
                Lent::Held => {
                    self.tier.event(Event::Bypass("held"));
                    ready.push(Ready { leg, lease: None });
                }
                Lent::Bypass => ready.push(Ready { leg, lease: None }),
            }
        }
        (ready, held, again)
    }

    /// Reads the database, answers, then fills. Gives back the legs to be flown again.
    async fn read(&self, ready: Vec<Ready<S>>) -> Vec<Leg<S>> {
        if ready.is_empty() {
            return Vec::new();
        }
        let ids = ready.iter().map(|ready| ready.leg.id.clone()).collect();
        let before: Vec<u64> = ready.iter().map(|ready| ready.leg.pilot.step()).collect();
        match self.load(ids).await {
            Ok(answers) => {
                for ((ready, answer), before) in ready.iter().zip(&answers).zip(before) {
                    ready.leg.pilot.answer(Ok(answer.clone()), before);
                }
                self.fill(&ready, &answers).await;
            }
            Err(error) => {
                for (ready, before) in ready.iter().zip(before) {
                    ready.leg.pilot.answer(Err(error.clone()), before);
                }
                let unused: Vec<_> = ready
                    .iter()
                    .filter_map(|ready| Some((ready.leg.pilot.key().clone(), ready.lease?.0)))
                    .collect();
                self.tier.release(&unused).await;
            }
        }
        ready.into_iter().filter_map(|ready| ready.leg.land()).collect()
    }

    /// Fills what may be filled; the callers have their answers already.
    async fn fill(&self, ready: &[Ready<S>], answers: &[S::Answer]) {
        let (mut fillings, mut pilots, mut unused) = (Vec::new(), Vec::new(), Vec::new());
        for (ready, answer) in ready.iter().zip(answers) {
            let pilot = &ready.leg.pilot;
            let Some((token, leased_at)) = ready.lease else { continue };
            match self.filling(&ready.leg.id, answer, pilot.key(), token, leased_at) {
                Some(filling) => {
                    fillings.push(filling);
                    pilots.push(pilot);
                }
                None => unused.push((pilot.key().clone(), token)),
            }
        }
        if !fillings.is_empty() {
            let before: Vec<u64> = pilots.iter().map(|pilot| pilot.step()).collect();
            let accepted = self.tier.fill(&fillings).await;
            for ((pilot, before), accepted) in pilots.into_iter().zip(before).zip(accepted) {
                if accepted {
                    pilot.confirm(before);
                }
            }
        }
        self.tier.release(&unused).await;
    }

    async fn load(&self, ids: Vec<S::Id>) -> Result<Vec<S::Answer>> {
        let (count, began) = (ids.len(), self.clock.now());
        let answers = self.source.load(ids).await?;
        self.tier.event(Event::Loaded(count, self.clock.now().since(began)));
        if answers.len() == count { Ok(answers) } else { Err(short()) }
    }

    fn wish(&self, key: &EntryKey, force: bool) -> Lease {
        let (token, expiry) = (self.tokens.token(), self.lease.expiry);
        Lease { key: key.clone(), token, expiry, force, fingerprint: S::Value::FINGERPRINT }
    }

    fn filling<'k>(
        &self,
        id: &S::Id,
        answer: &S::Answer,
        key: &'k EntryKey,
        token: Token,
        leased_at: u64,
    ) -> Option<Filling<'k, S::Value>> {
        let entry = self.source.entry(id, answer)?;
        let life = entry.life(self.policy, token, &*self.clock)?;
        Some(Filling { key, token, leased_at, life, entry })
    }
}

fn short() -> Error {
    Error::new(ErrorKind::Abandoned, "a load gave fewer answers than it was asked for")
}
