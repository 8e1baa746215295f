//! Visits every state of a model.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::protocol::{Defences, Event, Protocol};

/// What a visit of all states found.
#[derive(Debug)]
pub struct Visit {
    /// How many states there are, or were until the promise broke.
    pub states: usize,
    /// The steps to a state in which the promise is broken, and the promise.
    pub counterexample: Option<Counterexample>,
    /// Which of the protocol's events never came about.
    pub missing: Vec<&'static str>,
}

/// A way to break the promise.
#[derive(Debug)]
pub struct Counterexample {
    /// What happens, in order.
    pub steps: Vec<String>,
    /// What is broken then.
    pub broken: &'static str,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From everywhere where the protocol can begin.
    All,
    /// From the first of these.
    First,
}

/// Visits all states, or as many as it takes to see the promise broken. Breadth
/// first and on one thread, so that a counterexample is a shortest one.
pub fn visit<P: Protocol>(defences: Defences<P::Defence>, reach: Reach) -> Visit {
    let events: Arc<[Seen<P>]> = P::events().into_iter().map(Seen::not_yet).collect();
    let checked = Checked { protocol: P::new(defences), reach, events: events.clone() };
    let checker =
        checked.checker().threads(1).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let counterexample = checker.discovery(PROMISE).map(|path| {
        let broken = checker.model().protocol.broken(path.last_state()).unwrap_or(PROMISE);
        let steps = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
        Counterexample { steps, broken }
    });
    let missing = events.iter().filter_map(Seen::missing).collect();
    Visit { states: checker.unique_state_count(), counterexample, missing }
}

const PROMISE: &str = "the promise holds";

/// An event, and whether it came about. That is no part of the state, which it would multiply.
struct Seen<P: Protocol> {
    event: Event<P>,
    seen: AtomicBool,
}

impl<P: Protocol> Seen<P> {
    fn not_yet(event: Event<P>) -> Self {
        Self { event, seen: AtomicBool::new(false) }
    }

    fn look(&self, before: &P::State, step: P::Step, after: &P::State) {
        if !self.seen.load(Ordering::Relaxed) && (self.event.happened)(before, step, after) {
            self.seen.store(true, Ordering::Relaxed);
        }
    }

    fn missing(&self) -> Option<&'static str> {
        (!self.seen.load(Ordering::Relaxed)).then_some(self.event.name)
    }
}

struct Checked<P: Protocol> {
    protocol: P,
    reach: Reach,
    events: Arc<[Seen<P>]>,
}

impl<P: Protocol> Model for Checked<P> {
    type State = P::State;
    type Action = P::Step;

    fn init_states(&self) -> Vec<P::State> {
        let mut start = self.protocol.start();
        if self.reach == Reach::First {
            start.truncate(1);
        }
        start
    }

    fn actions(&self, state: &P::State, steps: &mut Vec<P::Step>) {
        self.protocol.steps(state, steps);
    }

    fn next_state(&self, state: &P::State, step: P::Step) -> Option<P::State> {
        let next = self.protocol.apply(state, step);
        for event in self.events.iter() {
            event.look(state, step, &next);
        }
        // What changes nothing is no step.
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROMISE, |checked, state| checked.protocol.broken(state).is_none())]
    }
}
